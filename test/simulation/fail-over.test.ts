/** Whole clusters in virtual time whose servers and coordinators die while they train. */
import { generateDigits } from "@shoal/models";
import { ShoalError } from "@shoal/errors";
import type { JobInput, JobSpec, LinkFactory, ParameterLink } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { smallDigits, smallDigitsJob } from "../support/small-digits.ts";
import { createTrainingSite } from "../support/training-cluster.ts";
import { trainVirtually, type Disturb, type VirtuallyTrained } from "../support/virtual-training.ts";

const site = await createTrainingSite();
const dataset = generateDigits(smallDigits);

const jobOf = (change: Partial<JobInput>): JobSpec => smallDigitsJob({ workers: 3, epochs: 40, ...change });

const train = (job: JobSpec, servers: number, disturb: Disturb): Promise<VirtuallyTrained> =>
  trainVirtually({ site, dataset, job, servers, workers: 3, disturb });

const expected = (job: JobSpec): Float32Array => trainPlainly(job, 3, dataset, site.kernels, site.memory).parameters;

describe("a synchronous run with a copy of each shard", () => {
  const job = jobOf({ durability: { replicas: 1 } });

  it.each(["server-1", "server-2", "server-3"])("gives the bits of a plain loop when %s is killed", async (name) => {
    const { status, parameters, longestPauseMs } = await train(job, 3, (cluster) => cluster.killServer(name));
    expect(status.batchesDone).toBe(status.totalBatches);
    expect(parameters).toEqual(expected(job)); // no tolerance
    expect(longestPauseMs).toBeGreaterThan(50); // it was needed
    // Its lines break with it: nobody waits until it is suspected for its silence.
    expect(longestPauseMs).toBeLessThan(250);
  });

  it("gives them when servers die one after the other, each time the copies have been filled again", async () => {
    const { parameters } = await train(job, 4, async (cluster, after) => {
      await cluster.killServer("server-2");
      await after(2000);
      await cluster.killServer("server-3");
      await after(2000);
    });
    expect(parameters).toEqual(expected(job));
  });

  it("gives them when the coordinator dies, and a server while there is none", async () => {
    const { parameters } = await train(job, 3, async (cluster, after) => {
      await cluster.killCoordinator();
      await cluster.killServer("server-1");
      await after(300);
      cluster.startCoordinator();
    });
    expect(parameters).toEqual(expected(job));
  });
});

describe("a synchronous run of which one worker cannot reach one server any more", () => {
  it("gives the bits of a plain loop: others lead where all reach them", async () => {
    const job = jobOf({ durability: { replicas: 1 } });
    const line = { isCut: false };
    const leads: number[] = [];
    const { parameters, longestPauseMs } = await trainVirtually({
      ...{ site, dataset, job, servers: 3, workers: 3 },
      wrapLinks: (links) => cuttable(links, { worker: "worker-2", endpoint: "server-1" }, line),
      disturb: async (cluster, after, run) => {
        line.isCut = true;
        await after(2_500);
        const { servers } = await cluster.status(run);
        leads.push(servers.find(({ name }) => name === "server-1")?.leads ?? 0);
      },
    });
    expect(leads).toEqual([0]);
    expect(parameters).toEqual(expected(job)); // no tolerance
    // A line is dead after 1.5 s; nobody waits for longer than that and a fail-over.
    expect(longestPauseMs).toBeLessThan(2_000);
  });
});

/** Links of which one, from a worker to a server, fails every call while it is cut. */
function cuttable(
  links: LinkFactory,
  which: { readonly worker: string; readonly endpoint: string },
  line: { readonly isCut: boolean },
): LinkFactory {
  return {
    connect(endpoint, identity): ParameterLink {
      const link = links.connect(endpoint, identity);
      if (identity.name !== which.worker || endpoint !== which.endpoint) return link;
      const over = <R>(call: () => Promise<R>): Promise<R> =>
        line.isCut ? Promise.reject(new ShoalError("transport_lost", `the line to ${endpoint} is cut`)) : call();
      return {
        initialize: (request, options) => over(() => link.initialize(request, options)),
        push: (request, options) => over(() => link.push(request, options)),
        pull: (request, options) => over(() => link.pull(request, options)),
        pushPull: (push, pull, options) => over(() => link.pushPull(push, pull, options)),
        close: () => link.close(),
      };
    },
  };
}

describe("a synchronous run whose servers come and go by notice", () => {
  it.each([0, 1])("gives the bits of a plain loop, nobody restarts (%i copies)", async (replicas) => {
    const job = jobOf({ durability: { replicas }, shards: 8, epochs: 80 });
    const held: number[] = [];
    const { status, parameters, longestPauseMs } = await train(job, 2, async (cluster, after, run) => {
      const joined = [await cluster.addServer("server-3"), await cluster.addServer("server-4")];
      await after(2500);
      for (const { host } of joined) held.push((await host.describe(run).catch(() => [])).length);
      const leaver = cluster.servers[0];
      await leaver?.drain();
      await leaver?.close();
    });
    expect(held.every((shards) => shards >= 1)).toBe(true);
    expect(status.batchesDone).toBe(status.totalBatches);
    expect(parameters).toEqual(expected(job)); // no tolerance
    expect(longestPauseMs).toBeLessThan(300);
  });
});

describe("primaries that have piled up on one server after a fail-over", () => {
  it("are spread again one by one when the copies are back, to the same bits", async () => {
    const job = jobOf({ durability: { replicas: 1 }, shards: 8, epochs: 120 });
    const leads: (readonly number[])[] = [];
    const { parameters, longestPauseMs } = await train(job, 2, async (cluster, after, run) => {
      const note = async (): Promise<readonly number[]> => {
        const now = (await cluster.status(run)).servers.map((server) => server.leads);
        leads.push(now);
        return now;
      };
      await cluster.killServer("server-2");
      await after(1000);
      expect(Math.max(...(await note()))).toBe(8);
      await cluster.addServer("server-3");
      for (let waits = 0; waits < 200 && Math.max(...(await note())) > 4; waits += 1) await after(50);
    });
    expect(
      leads
        .at(-1)
        ?.toSorted((a, b) => b - a)
        .slice(0, 2),
    ).toEqual([4, 4]);
    // One at a time, and never more often than the coordinator may move a shard: 200 ms here, of which we look every 50.
    const most = leads.map((now) => Math.max(...now));
    for (const [index, count] of most.entries()) expect((most[index - 1] ?? 8) - count).toBeLessThanOrEqual(1);
    expect(parameters).toEqual(expected(job)); // no tolerance
    expect(longestPauseMs).toBeLessThan(800);
  });
});
