/** A key range that is too hot for any server, over real processes: it is named and cut, and nothing is lost or done twice. */
import { readFileSync } from "node:fs";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile, generateDigits } from "@shoal/models";
import type { RunStatus } from "shoal";
import { afterAll, beforeAll, expect, it } from "vitest";
import { appliedBatches } from "../support/applied-batches.ts";
import { pause } from "../support/disturbed-run.ts";
import { startKillableCluster, type KillableCluster } from "../support/killable-cluster.ts";
import { perceptron } from "../support/perceptron.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite } from "../support/training-cluster.ts";

const servers = ["server-1", "server-2", "server-3"];
const data = { samples: 640, testSamples: 100, seed: 3 };
/** One range, on three servers: far more than a server's fair share. */
const job = {
  ...{ name: "split", model: perceptron([16]), data: { type: "digits", ...data }, batchSize: 8, epochs: 4 },
  ...{ optimizer: { name: "adam", learningRate: 0.001 }, seed: 5, workers: 2, shards: 1 },
};

let cluster: KillableCluster;

beforeAll(async () => {
  const environment = { SHOAL_SPLIT: "0.5,1" };
  cluster = await startKillableCluster({ workers: 2, servers: 3, behindProxies: servers, latencyMs: 10, environment });
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** @returns the last status, after what was seen of its training */
async function train(change: object): Promise<{ readonly status: RunStatus; readonly seen: readonly RunStatus[] }> {
  const run = await cluster.submit({ ...job, ...change });
  const seen: RunStatus[] = [];
  await cluster.until(run, (status) => (seen.push(status), false));
  return { status: await cluster.completed(run), seen: seen.filter(({ phase }) => phase === "training") };
}

/** @param what is said of the hot range @param ranges that come of it */
function expectCut({ status, seen }: Awaited<ReturnType<typeof train>>, what: string, ranges: number): void {
  expect(seen.some(({ reason }) => reason.includes(what))).toBe(true);
  expect(seen.at(-1)?.servers.reduce((sum, { leads }) => sum + leads, 0)).toBe(ranges);
  expect(seen.at(-1)?.servers.every(({ leads }) => leads > 0)).toBe(true);
  expect(status.batchesDone).toBe(status.totalBatches);
  expect(status.samples).toBe(data.samples * job.epochs);
}

it("a synchronous run is cut at a version, and ends with every bit of a plain loop", { timeout: 120_000 }, async () => {
  const slots = 2;
  const trained = await train({ slots });
  expectCut(trained, "keys 0 to 12730 (1.5 shares) cut into 6 ranges", 6);
  const { parameters } = decodeModelFile(readFileSync(trained.status.result?.modelFile ?? ""));
  const site = await createTrainingSite();
  const plain = trainPlainly(checkJob({ ...job, slots }), slots, generateDigits(data), site.kernels, site.memory);
  expect(parameters).toEqual(plain.parameters); // no tolerance
});

/** Of the asynchronous run, whose shards have no copies: the spans of one server are all there is of a shard. */
const parts = 12;
const others = Array.from({ length: parts - 1 }, (_, index) => index + 1);

/**
 * Shard 0 was all keys, then the first of them: each batch counts once on it. The others have what came later, once each, and
 * all of them the same. Servers write their spans twice a second.
 */
async function wrongCounts({ run, totalBatches }: RunStatus): Promise<readonly string[]> {
  for (let looks = 1; ; looks += 1) {
    await pause(500);
    const counts = await appliedBatches(cluster.runs, run);
    const later = new Set(others.flatMap((shard) => [...(counts.get(shard)?.keys() ?? [])]));
    const wrong = later.size === 0 || later.size === totalBatches ? [`${later.size} batches came later`] : [];
    for (let batch = 0; batch < totalBatches; batch += 1) {
      for (let shard = 0; shard < parts; shard += 1) {
        const [count, expected] = [counts.get(shard)?.get(batch) ?? 0, shard === 0 || later.has(batch) ? 1 : 0];
        if (count !== expected) wrong.push(`shard ${shard} counted batch ${batch} ${count} times, not ${expected}`);
      }
    }
    if (wrong.length === 0 || looks === 10) return wrong;
  }
}

it(
  "an asynchronous run comes to rest and is cut: every batch counts once for every key",
  { timeout: 120_000 },
  async () => {
    const trained = await train({ consistency: { mode: "asynchronous" }, durability: { replicas: 0 } });
    expectCut(trained, "keys 0 to 12730 (3.0 shares) cut into 12 ranges", parts);
    expect(await wrongCounts(trained.status)).toEqual([]);
  },
);
