/**
 * Processes that stand still for longer than their lease (SIGSTOP) and go on (SIGCONT) as if nothing had been: others have
 * taken their place, and what they still believe must do no harm.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pause, robustJob, trainDisturbed, type RobustJob } from "../support/disturbed-run.ts";
import { startKillableCluster, type KillableCluster } from "../support/killable-cluster.ts";

/** One and a half times the default lease. */
const stoppedMs = 3_000;

let cluster: KillableCluster;
let robust: RobustJob;

beforeAll(async () => {
  cluster = await startKillableCluster({ workers: 2, servers: 3, coordinators: 2 });
  robust = await robustJob(cluster, { workers: 2, shards: 6, replicas: 1, trainedMs: 8_000 });
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function stopFor(name: string, ms: number): Promise<void> {
  const { process } = cluster.node(name);
  process.kill("SIGSTOP");
  await pause(ms);
  process.kill("SIGCONT");
}

describe("a synchronous run with copies of its shards", () => {
  it("gives the bits of a plain loop when a server stands still: others lead its shards, and it comes back", async () => {
    const beganAtMs = Date.now();
    const { parameters, log } = await trainDisturbed(cluster, robust.job, () => stopFor("server-1", stoppedMs));
    expect(log).toMatch(/takes over, because server-1 is suspected/);
    // On a machine that has become faster since the job was measured, the run may be over by then.
    await expect.poll(() => cluster.log(beganAtMs), { timeout: 10_000 }).toMatch(/server server-1 joined/);
    expect(parameters).toEqual(robust.expected); // no tolerance
  });

  it("gives them when a worker stands still: another one computes its part, and it comes back", async () => {
    const { parameters, log } = await trainDisturbed(cluster, robust.job, () => stopFor("worker-1", stoppedMs));
    expect(log).toMatch(/worker-1 sent no heartbeat/);
    expect(parameters).toEqual(robust.expected); // no tolerance
  });

  it("gives them when the coordinator stands still: the other one leads, and the first one ends", async () => {
    const first = cluster.node("coordinator");
    const { parameters, log } = await trainDisturbed(cluster, robust.job, () => stopFor("coordinator", stoppedMs));
    expect(log).toMatch(/this coordinator leads/);
    expect(await first.ended).toBe(0);
    expect(first.text()).toContain("another coordinator has taken over");
    expect(parameters).toEqual(robust.expected); // no tolerance
  });
});
