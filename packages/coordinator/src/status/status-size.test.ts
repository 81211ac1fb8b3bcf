import { encodeEnvelope, maximumEnvelopeBytes } from "@shoal/actors";
import { clusterStatusSchema, runReplySchema } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createCluster, withRun, type ClusterState } from "../cluster-state.ts";
import { checkJob } from "../job/check-job.ts";
import type { Member } from "../membership/membership.ts";
import { addEvaluation } from "../runs/evaluation-log.ts";
import { failRun } from "../runs/end-run.ts";
import type { WorkerFigures } from "../runs/figures.ts";
import { createRun, type RunState } from "../runs/run-state.ts";
import { newRunServer } from "../seats/run-seats.ts";
import { defaultSettings } from "../settings.ts";
import { clusterStatus } from "./cluster-status.ts";
import { runStatus } from "./run-status.ts";

const now = 1_800_000_000_000.5;
const figure = 123_456.789;
const job = checkJob({
  name: "a".repeat(41),
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "digits" },
  optimizer: { name: "sgd", learningRate: 0.1 },
});
const name = (index: number): string => `worker-${index}.example`.replaceAll(".", "-").padEnd(40, "x");

/** A run with as much to say as a run can have. */
function largestRun(index: number): RunState {
  const run = createRun({ run: `${job.name}-${index}`, submission: `${index}`, job, parameterCount: 7850 }, now);
  const workers = new Map(
    Array.from({ length: defaultSettings.maximumMembers }, (_, member): [number, WorkerFigures] => [
      member,
      {
        ...{ member, incarnation: 3, name: name(member), clock: 1e6, clockBefore: 1e6 },
        ...{ batches: 1e6, samples: 1e8, computeMs: figure, waitMs: figure },
      },
    ]),
  );
  let { evaluations } = run;
  for (let step = 0; step < 600; step += 1) {
    const metrics = { mean_absolute_error: 0.1, mean_squared_error: 0.2 };
    const evaluation = { accuracy: 0.987654321, loss: 0.123456789, metrics, step: 1e6 + step, version: 1e6, atMs: now };
    evaluations = addEvaluation(evaluations, evaluation, defaultSettings.evaluations);
  }
  const servers = Array.from({ length: defaultSettings.maximumMembers }, (_, member) =>
    newRunServer({ member, incarnation: 3, name: name(member) }),
  );
  return {
    ...run,
    servers,
    phase: "training",
    figures: { ...run.figures, workers },
    evaluations,
    dataSource: "d".repeat(200),
  };
}

const bytesOf = (message: unknown): number => encodeEnvelope({ kind: "message", to: "client/reply-1", message }).length;

describe("the largest status", () => {
  it("of a run fits one message and its schema", () => {
    const message = { type: "run_described", status: runStatus(largestRun(1), now, defaultSettings) } as const;
    expect(runReplySchema.safeParse(message).success).toBe(true);
    expect(bytesOf(message)).toBeLessThan(maximumEnvelopeBytes);
  });

  it("of a cluster with as many members and runs as it remembers fits one message and its schema", () => {
    const members = new Map(
      Array.from({ length: defaultSettings.maximumMembers }, (_, member): [number, Member] => [
        member,
        {
          member,
          incarnation: 3,
          name: name(member),
          role: "server",
          endpoint: "192.168.100.100:54321",
          control: `${name(member)}/control`,
          alive: true,
          ready: true,
          leaving: false,
          heardAtMs: now - 400.25,
          isDeaf: false,
          brokenAtMs: null,
        },
      ]),
    );
    let cluster: ClusterState = {
      ...createCluster("c", 1),
      membership: { members, nextMember: 9999, joins: 9999, calmUntilMs: 0, deadLines: new Map(), tickedAtMs: now },
    };
    cluster = withRun(cluster, largestRun(0));
    for (let index = 1; index <= defaultSettings.finishedRuns + defaultSettings.queuedRuns; index += 1) {
      const sentence = "server-1 did not answer host_shards within 30000 ms".padEnd(5000, ".");
      cluster = withRun(cluster, failRun(largestRun(index), "deadline_exceeded", sentence, {}, now));
    }
    const message = clusterStatus(cluster, now, defaultSettings);
    expect(clusterStatusSchema.safeParse(message).error).toBeUndefined();
    expect(bytesOf(message)).toBeLessThan(maximumEnvelopeBytes);
  });
});
