/** Processes killed with SIGKILL in the middle of a run: what ends, when, and what was counted. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { appliedBatches, miscounted } from "../support/applied-batches.ts";
import { disturbedJob } from "../support/perceptron.ts";
import { startUp, tensorBytes, type UpCluster } from "../support/up.ts";

/** The coordinator's default lease. */
const leaseMs = 2_000;

/** Progress is reported and asked for at such intervals, ms: what is seen of a pause is longer by both. */
const reportMs = 400;

const job = { ...disturbedJob, name: "killed", durability: { replicas: 0 } };
const copied = { ...job, durability: { replicas: 1 } };

/** Kills a node when the run is at a third, and returns when the run made progress again: the pause in ms. */
async function killAndMeasurePause(cluster: UpCluster, run: string, node: string): Promise<number> {
  const before = await cluster.until(run, (status) => status.batchesDone > status.totalBatches / 3);
  expect(before.phase).toBe("training");
  process.kill(cluster.pids[node]!, "SIGKILL");
  const killedAt = performance.now();
  let lastProgress = before.batchesDone;
  let lastProgressAt = killedAt;
  let pause = 0;
  await cluster.until(run, (status) => {
    if (status.batchesDone !== lastProgress) {
      pause = Math.max(pause, performance.now() - lastProgressAt);
      lastProgress = status.batchesDone;
      lastProgressAt = performance.now();
    }
    return status.phase !== "training";
  });
  return pause;
}

describe("a worker killed in the middle of a run", () => {
  for (const mode of [{ mode: "synchronous" }, { mode: "bounded", staleness: 2 }, { mode: "asynchronous" }] as const) {
    it(`does not keep a ${mode.mode} run from its end, and every batch counts once on every shard`, async () => {
      await using cluster = await startUp(["--workers", "3", "--servers", "2", "--restarts", "0"]);
      const run = await cluster.submit({ ...job, workers: 3, consistency: mode });
      const pause = await killAndMeasurePause(cluster, run, "worker-2");
      const status = await cluster.completed(run);
      expect(status.batchesDone).toBe(status.totalBatches);
      expect(pause).toBeLessThan(leaseMs + 1_000);
      // Servers write what they have buffered when they end.
      await cluster.end();
      const counts = await appliedBatches(join(cluster.workplace.folder, "runs"), run);
      expect(counts.size).toBe(4);
      expect(miscounted(counts, status.totalBatches)).toEqual([]);
    });
  }

  it("changes no bit of a synchronous run's model", async () => {
    await using cluster = await startUp(["--workers", "3", "--servers", "2", "--restarts", "1"]);
    const synchronous = { ...job, workers: 3, slots: 3, consistency: { mode: "synchronous" } };
    const disturbed = await cluster.submit(synchronous);
    await killAndMeasurePause(cluster, disturbed, "worker-1");
    const first = await cluster.completed(disturbed);
    const second = await cluster.completed(await cluster.submit(synchronous));
    expect(tensorBytes(first.result!.modelFile).equals(tensorBytes(second.result!.modelFile))).toBe(true);
  });
});

describe("a server killed in the middle of a run", () => {
  it("changes no bit of its model where shards have copies, and stops it for less than 0.8 s", async () => {
    await using cluster = await startUp(["--workers", "2", "--servers", "3", "--restarts", "0"]);
    const synchronous = { ...copied, workers: 2, slots: 2, consistency: { mode: "synchronous" } };
    const undisturbed = await cluster.completed(await cluster.submit(synchronous));
    const run = await cluster.submit(synchronous);
    const pause = await killAndMeasurePause(cluster, run, "server-2");
    const disturbed = await cluster.completed(run);
    expect(disturbed.batchesDone).toBe(disturbed.totalBatches);
    expect(tensorBytes(disturbed.result!.modelFile).equals(tensorBytes(undisturbed.result!.modelFile))).toBe(true);
    expect(pause).toBeLessThan(800 + reportMs);
  });

  it("ends a run without copies with an error that names it, and the cluster takes the next run", async () => {
    await using cluster = await startUp(["--workers", "2", "--servers", "2", "--restarts", "1"]);
    const run = await cluster.submit({ ...job, workers: 2 });
    await cluster.until(run, (status) => status.batchesDone > status.totalBatches / 3);
    process.kill(cluster.pids["server-2"]!, "SIGKILL");
    const killedAt = performance.now();
    const status = await cluster.until(run, ({ phase }) => phase === "failed");
    expect(performance.now() - killedAt).toBeLessThan(leaseMs + 1_000);
    expect(status.error?.code).toBe("server_lost");
    expect(status.error?.message).toContain("server-2");
    await cluster.completed(await cluster.submit({ ...job, name: "next", epochs: 1 }));
  });
});

describe("a coordinator killed in the middle of a run", () => {
  for (const mode of [{ mode: "synchronous" }, { mode: "asynchronous" }] as const) {
    it(`is replaced, and the ${mode.mode} run goes on to its end`, async () => {
      await using cluster = await startUp(["--workers", "2", "--servers", "2", "--restarts", "1"]);
      const run = await cluster.submit({ ...copied, workers: 2, consistency: mode });
      await cluster.until(run, (status) => status.batchesDone > status.totalBatches / 3);
      process.kill(cluster.pids["coordinator"]!, "SIGKILL");
      const status = await cluster.completed(run);
      expect(status.batchesDone).toBe(status.totalBatches);
    });
  }
});
