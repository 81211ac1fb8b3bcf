/** Workers die while a straggler is being cured: what is trained on is what the job says, and slots that move keep the bits. */
import { checkJob } from "@shoal/coordinator";
import type { JobInput } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createTrainingSite } from "../support/training-cluster.ts";
import { play } from "./training-play.ts";
import { drawScenario, type TrainingKind, type TrainingScenario } from "./training-scenario.ts";

const site = await createTrainingSite();

/** Eight workers, one of which is five times slower; it and two others die, one lives on unheard, and one comes back. */
function scenario(kind: TrainingKind, change: Partial<JobInput>): TrainingScenario {
  const drawn = drawScenario(kind, 1);
  const slots = drawn.job.consistency.mode === "synchronous" ? 8 : 1;
  const stop = { accuracy: null, metric: null, patience: null };
  const job = checkJob({
    ...drawn.job,
    ...{ batchSize: 8, epochs: 12, workers: 8, slots: slots === 1 ? null : slots, shards: 3, stop },
    ...change,
  });
  return {
    ...drawn,
    ...{ job, slots: job.slots ?? 1, samples: 96, servers: 2, workers: 8, leaseMs: 400, linkLoss: 0.01, linkMs: 3 },
    msPerSample: [1, 5, 1, 1, 1, 1, 1, 1],
    mishaps: [
      { atMs: 700, mishap: { kind: "crash", worker: "worker-3", zombie: true } },
      { atMs: 900, mishap: { kind: "restart", worker: "worker-1", afterMs: 300 } },
      { atMs: 1100, mishap: { kind: "crash", worker: "worker-4", zombie: false } },
    ],
  };
}

describe("deaths around a straggler", () => {
  it.each([
    ["adaptive batches of a bounded run", "bounded-adaptive", { consistency: { mode: "bounded", staleness: 3 } }],
    ["adaptive batches of an asynchronous run", "asynchronous-adaptive", {}],
    ["hand-off, to the bits of the plain loop", "hand-off", { slots: 32, batchSize: 2 }],
  ] as const)("leave every sample counted once: %s", async (_name, kind, change) => {
    const { violations, status } = await play(scenario(kind, change), site);
    expect(violations).toEqual([]);
    expect(status).toMatchObject({ phase: "completed", samples: 12 * 96 });
  });

  it("leave every sample counted once: adaptive batches of a synchronous run", async () => {
    const drawn = scenario("synchronous", { stragglers: { adaptiveBatch: true } });
    const { status, violations } = await play(drawn, site);
    expect(status).toMatchObject({ phase: "completed", samples: 12 * 96 });
    // Which samples a slot has follows measured times: the sums are others than the plain loop's.
    expect(violations.filter((each) => !each.startsWith("other bits"))).toEqual([]);
  });
});
