/** A synchronous run over real processes whose slots keep something, while workers come and leave by SIGTERM: every bit. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startKillableCluster } from "../support/killable-cluster.ts";
import { disturbedJob } from "../support/perceptron.ts";
import { parametersOf, plainParameters } from "../support/plain-model.ts";

const job = {
  ...{ ...disturbedJob, epochs: 8, name: "moved", workers: 1, slots: 4, shards: 1 },
  ...{ consistency: { mode: "synchronous" }, encoding: { push: { name: "int8" } } },
};

it("has every bit of the plain loop when workers join and leave in order, with int8 and error feedback", async () => {
  await using cluster = await startKillableCluster({ workers: 1, servers: 2 });
  const run = await cluster.submit(job);
  const trains = (name: string): Promise<unknown> =>
    cluster.until(run, ({ workers }) => workers.some((each) => each.name === name && each.batches > 0));
  await trains("worker-1");
  await Promise.all([cluster.add("worker-2"), cluster.add("worker-3")]);
  await Promise.all([trains("worker-2"), trains("worker-3")]);
  for (const name of ["worker-1", "worker-3"]) expect(await cluster.leave(name)).toBe(0);
  const left = await cluster.status(run);
  expect(left.phase).toBe("training");
  expect(left.reason).not.toContain("afresh");
  const ended = await cluster.completed(run);
  expect(ended.batchesDone).toBe(ended.totalBatches);
  expect(parametersOf(ended.result!.modelFile)).toEqual(await plainParameters(job)); // no tolerance: the same bits
  const snapshots = join(cluster.runs, run, "snapshots");
  const kept = existsSync(snapshots) ? readdirSync(snapshots, { recursive: true }) : [];
  expect(kept.filter((name) => String(name).includes("slot-"))).toEqual([]);
}, 120_000);
