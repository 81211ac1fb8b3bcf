/** NATS goes away for longer than a lease and comes back: nobody is given up, and the run ends as if nothing had been. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pause, robustJob, trainDisturbed, type RobustJob } from "../support/disturbed-run.ts";
import { startKillableCluster, type KillableCluster } from "../support/killable-cluster.ts";

/** One and a half times the default lease. */
const awayMs = 3_000;

let cluster: KillableCluster;
let robust: RobustJob;

beforeAll(async () => {
  cluster = await startKillableCluster({ workers: 2, servers: 2 });
  robust = await robustJob(cluster, { workers: 2, shards: 4, replicas: 1, trainedMs: 4_500 });
});
afterAll(() => cluster[Symbol.asyncDispose]());

describe("NATS away for longer than the lease", () => {
  for (const mode of ["synchronous", "asynchronous"] as const) {
    it(`ends no lease and no ${mode} run`, async () => {
      const job = { ...robust.job, consistency: { mode } };
      const { status, parameters, log } = await trainDisturbed(cluster, job, async () => {
        await cluster.nats.kill();
        await pause(awayMs);
        await cluster.nats.restart();
      });
      expect(status.batchesDone).toBe(status.totalBatches);
      expect(log).not.toMatch(/sent no heartbeat/);
      if (mode === "synchronous") expect(parameters).toEqual(robust.expected); // no tolerance
    });
  }
});
