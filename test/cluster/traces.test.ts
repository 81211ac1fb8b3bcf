/** For a run of N exchanges: N complete traces, none orphaned; versions and staleness rebuilt from the trace alone. */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { attributes } from "@shoal/protocol";
import { collectExchanges, readTrace, rebuildUpdates, type RunStatus, type SpanRecord } from "shoal";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { runCommand } from "../support/shoal-command.ts";
import { startUp, type UpCluster } from "../support/up.ts";

const job = {
  name: "traced",
  model: perceptron([64], "tanh"),
  data: { type: "digits", samples: 4_000, testSamples: 500 },
  optimizer: { name: "sgd", learningRate: 0.05 },
  epochs: 2,
  shards: 3,
};

/** In the last of them a server stands still for longer than its lease: its shards go on elsewhere, and it comes back. */
const cases = [
  { name: "synchronous", mode: "synchronous", standsStillMs: 0 },
  { name: "asynchronous", mode: "asynchronous", standsStillMs: 0 },
  { name: "deposed", mode: "asynchronous", standsStillMs: 1_500 },
] as const;

describe("the trace of a run over processes", () => {
  let cluster: UpCluster;
  const ended = new Map<string, RunStatus>();
  beforeAll(async () => {
    cluster = await startUp(["--workers", "2", "--servers", "2"]);
    for (const { name, mode, standsStillMs } of cases) {
      const epochs = standsStillMs > 0 ? 20 : job.epochs;
      const run = await cluster.submit({ ...job, name, epochs, workers: 2, consistency: { mode } });
      if (standsStillMs > 0) {
        await cluster.until(run, ({ batchesDone }) => batchesDone > 100);
        process.kill(cluster.pids["server-1"]!, "SIGSTOP");
        await setTimeout(standsStillMs);
        process.kill(cluster.pids["server-1"]!, "SIGCONT");
      }
      ended.set(name, await cluster.completed(run));
    }
    // Every process writes what it has buffered when it ends.
    await cluster.end();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  it.each(cases)(
    "is complete, has no version missing, and agrees with what workers were told ($name)",
    async ({ name, mode }) => {
      const { run, totalBatches } = ended.get(name)!;
      const spans = await Array.fromAsync(readTrace(join(cluster.workplace.folder, "runs", run)));
      const report = collectExchanges(spans);
      expect(report.orphans).toEqual([]);
      expect(report.incomplete).toEqual([]);
      const pushes = report.exchanges.filter(({ root }) => String(root.attributes[attributes.kind]).startsWith("push"));
      expect(pushes).toHaveLength(totalBatches * job.shards);

      const updates = rebuildUpdates(spans);
      for (let shard = 0; shard < job.shards; shard += 1) {
        const ofShard = updates.filter((update) => update.shard === shard);
        expect(ofShard.map(({ version }) => version)).toEqual(ofShard.map((_, index) => index + 1));
        expect(ofShard.flatMap(({ contributions }) => contributions)).toHaveLength(totalBatches);
      }
      const rebuilt = stalenessOf(updates);
      const told = stalenessTold(spans);
      for (const [contribution, staleness] of told) expect(rebuilt.get(contribution)).toBe(staleness);
      // Who asks again after a fail-over, wanted here or not, is told that its push is known, and no staleness.
      const outcomes = pushes.map(({ root }) => String(root.attributes[attributes.outcome]));
      expect(outcomes.filter((each) => each !== "push_applied" && each !== "push_duplicate")).toEqual([]);
      if (mode === "synchronous") expect([...rebuilt.values()].every((staleness) => staleness === 0)).toBe(true);

      const file = join(cluster.workplace.folder, `${name}.json`);
      const { code, text } = await runCommand(["trace", run, "--out", file], cluster);
      expect(text).toContain("perfetto");
      expect(code).toBe(0);
    },
  );
});

/** Staleness of each contribution, by shard, worker and clock. */
function stalenessOf(updates: ReturnType<typeof rebuildUpdates>): ReadonlyMap<string, number> {
  return new Map(
    updates.flatMap(({ shard, contributions }) =>
      contributions.map(({ worker, clock, staleness }) => [`${shard}/${worker}/${clock}`, staleness] as const),
    ),
  );
}

/** The other source in the trace: what each worker was told, on its exchange's root span. */
function stalenessTold(spans: readonly SpanRecord[]): ReadonlyMap<string, number> {
  return new Map(
    spans
      .filter((span) => span.parent === null && span.attributes[attributes.outcome] === "push_applied")
      .map(({ attributes: of }) => [
        [attributes.shard, attributes.worker, attributes.clock].map((key) => Number(of[key])).join("/"),
        Number(of[attributes.staleness]),
      ]),
  );
}
