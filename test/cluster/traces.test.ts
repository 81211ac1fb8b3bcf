/** For a run of N exchanges: N complete traces, none orphaned; versions and staleness rebuilt from the trace alone. */
import { join } from "node:path";
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

const modes = [{ mode: "synchronous" }, { mode: "asynchronous" }] as const;

describe("the trace of a run over processes", () => {
  let cluster: UpCluster;
  const ended = new Map<string, RunStatus>();
  beforeAll(async () => {
    cluster = await startUp(["--workers", "2", "--servers", "2"]);
    for (const consistency of modes) {
      const run = await cluster.submit({ ...job, workers: 2, consistency });
      ended.set(consistency.mode, await cluster.completed(run));
    }
    // Every process writes what it has buffered when it ends.
    await cluster.end();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  it.each(modes)(
    "is complete, has no version missing, and agrees with what workers were told ($mode)",
    async ({ mode }) => {
      const { run, totalBatches } = ended.get(mode)!;
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
      expect(stalenessOf(updates)).toEqual(stalenessApplied(spans));
      if (mode === "synchronous") expect(stalenessOf(updates).every((staleness) => staleness === 0)).toBe(true);

      const file = join(cluster.workplace.folder, `${mode}.json`);
      const { code, text } = await runCommand(["trace", run, "--out", file], cluster);
      expect(text).toContain("perfetto");
      expect(code).toBe(0);
    },
  );
});

function stalenessOf(updates: ReturnType<typeof rebuildUpdates>): readonly number[] {
  return updates
    .flatMap(({ contributions }) => contributions.map(({ staleness }) => staleness))
    .toSorted((a, b) => a - b);
}

/** The other source in the trace: what each worker was told, on its exchange's root span. */
function stalenessApplied(spans: readonly SpanRecord[]): readonly number[] {
  return spans
    .filter((span) => span.parent === null && span.attributes[attributes.outcome] === "push_applied")
    .map((span) => Number(span.attributes[attributes.staleness]))
    .toSorted((a, b) => a - b);
}
