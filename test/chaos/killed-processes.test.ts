/**
 * Processes killed with SIGKILL in the middle of a run: what ends, when, and what was counted. What copies of shards are good
 * for is in `killed-servers.test.ts`.
 */
import type { RunStatus } from "shoal";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appliedBatches, miscounted } from "../support/applied-batches.ts";
import { pause, robustJob, trainDisturbed, type RobustJob } from "../support/disturbed-run.ts";
import { startKillableCluster, type KillableCluster } from "../support/killable-cluster.ts";

/** The coordinator's default lease. */
const leaseMs = 2_000;
/** Nobody waits for a second lease, however busy the machine is. */
const longestPauseMs = 2 * leaseMs;
const shards = 4;

let cluster: KillableCluster;
let robust: RobustJob;

beforeAll(async () => {
  cluster = await startKillableCluster({ workers: 3, servers: 2, coordinators: 2 });
  robust = await robustJob(cluster, { workers: 3, shards, replicas: 0, trainedMs: 2_500 });
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Kills a node and watches the run to its end. @returns the longest time without progress, ms */
async function killAndWatch(run: string, node: string): Promise<number> {
  await cluster.kill(node);
  let progress = { batches: -1, atMs: performance.now() };
  let longest = 0;
  await cluster.until(run, ({ phase, batchesDone }) => {
    if (batchesDone !== progress.batches) {
      longest = Math.max(longest, performance.now() - progress.atMs);
      progress = { batches: batchesDone, atMs: performance.now() };
    }
    return phase !== "training";
  });
  return longest;
}

/** Servers write their spans twice a second. @returns batches that some shard did not count once, in words */
async function wrongCounts({ run, totalBatches }: RunStatus): Promise<readonly string[]> {
  for (let looks = 1; ; looks += 1) {
    await pause(500);
    const counts = await appliedBatches(cluster.runs, run);
    const wrong = [...miscounted(counts, totalBatches), ...(counts.size === shards ? [] : ["a shard is missing"])];
    if (wrong.length === 0 || looks === 10) return wrong;
  }
}

describe("a worker killed in the middle of a run", () => {
  for (const mode of [{ mode: "synchronous" }, { mode: "bounded", staleness: 2 }, { mode: "asynchronous" }] as const) {
    it(`does not keep a ${mode.mode} run from its end, and every batch counts once on every shard`, async () => {
      let longest = Number.POSITIVE_INFINITY;
      const job = { ...robust.job, consistency: mode };
      const { status, parameters } = await trainDisturbed(cluster, job, async (run) => {
        longest = await killAndWatch(run, "worker-2");
      });
      await cluster.start("worker-2");
      expect(status.batchesDone).toBe(status.totalBatches);
      expect(longest).toBeLessThan(longestPauseMs);
      if (mode.mode === "synchronous") expect(parameters).toEqual(robust.expected); // no tolerance
      expect(await wrongCounts(status)).toEqual([]);
    });
  }
});

describe("a server killed in the middle of a run without copies", () => {
  it("ends the run with an error that names the server, and the cluster takes the next run", async () => {
    let killedAtMs = 0;
    const training = trainDisturbed(cluster, robust.job, async () => {
      killedAtMs = await cluster.kill("server-2");
    });
    await expect(training).rejects.toMatchObject({
      code: "server_lost",
      message: expect.stringContaining("server-2") as string,
    });
    expect(Date.now() - killedAtMs).toBeLessThan(longestPauseMs);
    await cluster.start("server-2");
    await cluster.completed(await cluster.submit({ ...robust.job, epochs: 1 }));
  });
});

describe("the coordinator killed in the middle of a run", () => {
  const leaders = { synchronous: "coordinator", asynchronous: "coordinator-2" } as const;
  for (const mode of ["synchronous", "asynchronous"] as const) {
    it(`is replaced by the one that waits, and the ${mode} run goes on to its end`, async () => {
      const job = { ...robust.job, consistency: { mode } };
      const { status, parameters, log } = await trainDisturbed(cluster, job, async () => {
        await cluster.kill(leaders[mode]);
      });
      await cluster.start(leaders[mode]);
      expect(log).toMatch(/this coordinator leads/);
      expect(status.batchesDone).toBe(status.totalBatches);
      if (mode === "synchronous") expect(parameters).toEqual(robust.expected); // no tolerance
    });
  }
});
