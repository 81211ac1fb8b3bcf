/** Lines between processes that break, or that are dead without saying so: half-open connections. */
import type { RunStatus } from "shoal";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pause, robustJob, trainDisturbed, type RobustJob } from "../support/disturbed-run.ts";
import { startKillableCluster, type KillableCluster } from "../support/killable-cluster.ts";

/** One and a half times the default lease. */
const silentMs = 3_000;

function leadsAnything({ servers }: RunStatus, name: string): boolean {
  return servers.some((server) => server.name === name && server.leads > 0);
}

let cluster: KillableCluster;
let robust: RobustJob;

beforeAll(async () => {
  const behindProxies = ["server-1", "server-2", "server-3", "worker-1"];
  // Lines that take their time: how long a run trains hardly depends on how busy the machine is.
  cluster = await startKillableCluster({ workers: 2, servers: 3, behindProxies, latencyMs: 5 });
  robust = await robustJob(cluster, { workers: 2, shards: 6, replicas: 1, epochs: 3 });
});
afterAll(() => cluster[Symbol.asyncDispose]());

describe("a synchronous run with copies of its shards gives the bits of a plain loop", () => {
  it("when the lines to a server break again and again: pushes are repeated on new ones", async () => {
    const { data } = cluster.linesOf("server-1");
    const before = data?.accepted ?? 0;
    const { parameters } = await trainDisturbed(cluster, robust.job, async () => {
      for (let cuts = 0; cuts < 5; cuts += 1) {
        data?.cut();
        await pause(200);
      }
    });
    expect(data?.accepted).toBeGreaterThan(before + 5);
    expect(parameters).toEqual(robust.expected); // no tolerance
  });

  it("when the lines to a server are dead for a while, though it is alive", async () => {
    const { data } = cluster.linesOf("server-1");
    const { parameters } = await trainDisturbed(cluster, robust.job, async () => {
      data?.freeze();
      await pause(silentMs);
      data?.mend();
    });
    expect(parameters).toEqual(robust.expected); // no tolerance
  });

  it("when the lines to a server stay dead: it leads nothing any more, and holds no copy", async () => {
    const { data } = cluster.linesOf("server-1");
    const { parameters, log } = await trainDisturbed(cluster, robust.job, async (run) => {
      data?.freeze();
      await cluster.until(run, (status) => !leadsAnything(status, "server-1"));
    });
    data?.mend();
    expect(log).toMatch(/takes over, because worker-\d(, worker-\d)? cannot reach server-1/);
    expect(parameters).toEqual(robust.expected); // no tolerance
  });

  it("when a server is cut off from NATS: others lead its shards, and it comes back", async () => {
    const { nats } = cluster.linesOf("server-1");
    const { parameters, log } = await trainDisturbed(cluster, robust.job, async (run) => {
      // A busy machine may have taken its shards from it for a moment.
      await cluster.until(run, (status) => leadsAnything(status, "server-1"));
      nats.freeze();
      await pause(silentMs);
      nats.mend();
    });
    expect(log).toMatch(/takes over, because server-1 is suspected/);
    expect(parameters).toEqual(robust.expected); // no tolerance
  });

  it("when a worker is cut off from NATS: another one computes its part", async () => {
    const { nats } = cluster.linesOf("worker-1");
    const { parameters, log } = await trainDisturbed(cluster, robust.job, async () => {
      nats.freeze();
      await pause(silentMs);
      nats.mend();
    });
    expect(log).toMatch(/worker-1 sent no heartbeat/);
    expect(parameters).toEqual(robust.expected); // no tolerance
  });
});
