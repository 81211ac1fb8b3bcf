/** Workers and servers that come and go during one run, in virtual time: 2 → 8 → 3 workers, 2 → 4 → 3 servers. */
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec, RunStatus } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { smallDigitsJob } from "../support/small-digits.ts";
import { createTrainingSite } from "../support/training-cluster.ts";
import { trainVirtually, type Disturb, type VirtuallyTrained } from "../support/virtual-training.ts";

const site = await createTrainingSite();
const data = { samples: 990, testSamples: 200, seed: 4 };
const dataset = generateDigits(data);
const slots = 4;

const jobOf = (change: Partial<JobInput>): JobSpec =>
  smallDigitsJob({ workers: 2, shards: 8, epochs: 12, data: { type: "digits", ...data }, ...change });

/** Two workers and two servers are there; six and two come, five and one go again by notice. */
const comeAndGo: Disturb = async (cluster, after) => {
  for (const server of ["server-3", "server-4"]) await cluster.addServer(server);
  await after(3000);
  for (let worker = 3; worker <= 8; worker += 1) cluster.addWorker(`worker-${worker}`);
  await after(2000);
  for (const worker of ["worker-1", "worker-4", "worker-5", "worker-6", "worker-7"]) {
    const handle = cluster.workers.find(({ name }) => name === worker)?.handle;
    await handle?.drain();
    await handle?.close();
  }
  await cluster.servers[0]?.drain();
  await cluster.servers[0]?.close();
};

const train = (job: JobSpec, disturb: Disturb): Promise<VirtuallyTrained> =>
  trainVirtually({ site, dataset, job, workers: 2, servers: 2, exchangeMs: 40, sampleMs: 1, lookMs: 100, disturb });

/** Keys that servers were given that they had not, all together, from the first status on. */
function copiedKeys(seen: readonly RunStatus[]): number {
  const held = new Map<string, number>();
  let copied = 0;
  for (const { servers, phase } of seen) {
    if (phase !== "training") continue;
    for (const { name, keys } of servers) {
      copied += Math.max(0, keys - (held.get(name) ?? (held.size < 2 ? keys : 0)));
      held.set(name, keys);
    }
  }
  return copied;
}

const keys = 784 * 12 + 12 + 12 * 10 + 10;

describe.each([0, 1])(
  "2 → 8 → 3 workers and 2 → 4 → 3 servers in one synchronous run, %i copies of a shard",
  (replicas) => {
    it("give the bits of the run that nobody joins or leaves, and copy hardly more than they must", async () => {
      const job = jobOf({ slots, durability: { replicas } });
      const { status, parameters, longestPauseMs, gradients, seen } = await train(job, comeAndGo);
      expect(parameters).toEqual(trainPlainly(job, slots, dataset, site.kernels, site.memory).parameters); // no tolerance
      expect(status.batchesDone).toBe(status.totalBatches);
      expect(status.workers.filter(({ batches }) => batches > 0)).toHaveLength(8);
      expect(gradients).toBe(status.totalBatches); // whoever leaves ends its step first: nothing is computed twice
      expect(longestPauseMs).toBeLessThan(600);
      const counts = seen.map(({ servers }) => servers.filter((each) => each.keys > 0).length);
      expect(Math.max(...counts)).toBe(4);
      expect(counts.filter((count) => count > 0).at(-1)).toBe(3);
      // Two that come need their fair shares, half of all copies; what the one that goes held, a quarter, goes to others.
      const least = 0.75 * keys * (replicas + 1);
      expect(copiedKeys(seen)).toBeGreaterThan(0.9 * least);
      expect(copiedKeys(seen)).toBeLessThan(1.25 * least);
    });
  },
);

describe("2 → 8 → 3 workers and 2 → 4 → 3 servers in one asynchronous run", () => {
  it("count every sample once and end with a loss within what seeds make of the fixed run", async () => {
    const lossOf = ({ status }: VirtuallyTrained): number => status.result?.loss ?? Number.NaN;
    const consistency = { mode: "asynchronous" } as const;
    const fixed: number[] = [];
    for (const seed of [1, 2, 3]) {
      fixed.push(lossOf(await train(jobOf({ consistency, seed }), () => Promise.resolve())));
    }
    const elastic = await train(jobOf({ consistency, seed: 1 }), comeAndGo);
    expect(elastic.status.batchesDone).toBe(elastic.status.totalBatches);
    expect(elastic.gradients).toBe(elastic.status.totalBatches); // nothing is computed twice
    const mean = fixed.reduce((sum, loss) => sum + loss, 0) / fixed.length;
    const deviation = Math.sqrt(fixed.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (fixed.length - 1));
    // Three standard deviations of single runs: three runs give an estimate of it only.
    expect(Math.abs(lossOf(elastic) - mean)).toBeLessThan(3 * deviation);
  });
});
