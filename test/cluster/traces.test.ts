/** For a run of N exchanges: N complete traces, none orphaned; versions and staleness rebuilt from the trace alone. */
import { join } from "node:path";
import { attributes } from "@shoal/protocol";
import { collectExchanges, readTrace, rebuildUpdates, type SpanRecord } from "shoal";
import { describe, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { runCommand } from "../support/shoal-command.ts";
import { startUp } from "../support/up.ts";

const job = {
  name: "traced",
  model: perceptron([64], "tanh"),
  data: { type: "digits", samples: 4_000, testSamples: 500 },
  optimizer: { name: "sgd", learningRate: 0.05 },
  epochs: 2,
  shards: 3,
};

describe("the trace of a run over processes", () => {
  for (const mode of [{ mode: "synchronous" }, { mode: "asynchronous" }] as const) {
    it(`is complete, has no version missing, and agrees with what workers were told (${mode.mode})`, async () => {
      await using cluster = await startUp(["--workers", "2", "--servers", "2"]);
      const run = await cluster.submit({ ...job, workers: 2, consistency: mode });
      const status = await cluster.completed(run);
      const runs = join(cluster.workplace.folder, "runs");
      // Every process writes what it has buffered when it ends.
      await cluster.end();

      const spans = await Array.fromAsync(readTrace(join(runs, run)));
      const report = collectExchanges(spans);
      expect(report.orphans).toEqual([]);
      expect(report.incomplete).toEqual([]);
      const pushes = report.exchanges.filter(({ root }) => String(root.attributes[attributes.kind]).startsWith("push"));
      expect(pushes).toHaveLength(status.totalBatches * job.shards);

      const updates = rebuildUpdates(spans);
      for (let shard = 0; shard < job.shards; shard += 1) {
        const ofShard = updates.filter((update) => update.shard === shard);
        expect(ofShard.map(({ version }) => version)).toEqual(ofShard.map((_, index) => index + 1));
        expect(ofShard.flatMap(({ contributions }) => contributions)).toHaveLength(status.totalBatches);
      }
      expect(stalenessOf(updates)).toEqual(stalenessApplied(spans));
      if (mode.mode === "synchronous") expect(stalenessOf(updates).every((staleness) => staleness === 0)).toBe(true);

      const file = join(cluster.workplace.folder, "out.json");
      const { code, text } = await runCommand(["trace", run, "--out", file], cluster);
      expect(text).toContain("perfetto");
      expect(code).toBe(0);
    });
  }
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
