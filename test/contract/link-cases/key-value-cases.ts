/** The key-value cases of ps-lite's tests: shards that sum, workers that push and pull. */
import { createRandom } from "@shoal/actors";
import { expect, test } from "vitest";
import { createCaseWorker, type CaseWorker } from "./case-worker.ts";
import type { CaseCluster, CaseRun, MakeCluster } from "./case-cluster.ts";
import { createLossyLink, type Losses } from "./lossy-link.ts";

const keysPerWorker = 10_000;
const repeats = 50;
/** Pushes that a worker has under way. */
const inFlight = 10;

const sums = { optimizer: { name: "accumulate", scale: 1 } };

async function within(
  makeCluster: MakeCluster,
  servers: number,
  body: (it: CaseCluster) => Promise<void>,
): Promise<void> {
  const cluster = await makeCluster(servers);
  try {
    await body(cluster);
  } finally {
    await cluster.close();
  }
}

/** The worker's values at its keys `i·workers + rank`, which no other worker has; integers below 1,000. */
function valuesOf(rank: number, workers: number): Float32Array {
  const random = createRandom(rank + 7);
  const values = new Float32Array(keysPerWorker * workers);
  for (let index = 0; index < keysPerWorker; index += 1) values[index * workers + rank] = random.integer(1000);
  return values;
}

/** Pushes the same gradient again and again, each push waiting for the one ten back. */
async function pushMany(worker: CaseWorker, gradient: Float32Array): Promise<void> {
  const pending: Promise<unknown>[] = [];
  for (let index = 0; index < repeats; index += 1) {
    if (index >= inFlight) await pending[index - inFlight];
    pending.push(worker.push({ gradient, clock: index }));
  }
  await Promise.all(pending);
}

function expectAtKeys(
  actual: Float32Array,
  expected: Float32Array,
  factor: number,
  rank: number,
  workers: number,
): void {
  let wrong = 0;
  for (let key = rank; key < expected.length; key += workers) {
    if (actual[key] !== factor * (expected[key] ?? 0)) wrong += 1;
  }
  expect(wrong).toBe(0);
}

/** One worker of O1: 50 pushes and a pull, then 50 push-pulls, one after the other. */
async function pushAndPull(worker: CaseWorker, rank: number, workers: number): Promise<void> {
  const gradient = valuesOf(rank, workers);
  await pushMany(worker, gradient);
  expectAtKeys((await worker.pull(0)).values, gradient, repeats, rank, workers);
  let last = new Float32Array(0);
  for (let index = 0; index < repeats; index += 1) {
    const clock = repeats + index;
    ({ values: last } = (await worker.pushPull({ gradient, clock }, 0)) as { values: Float32Array<ArrayBuffer> });
  }
  expectAtKeys(last, gradient, 2 * repeats, rank, workers);
}

async function hostSums(it: CaseCluster, run: string, size: number): Promise<CaseRun> {
  const hosted = await it.host({ run, size, ...sums });
  await createCaseWorker(hosted, 99).initialize(new Float32Array(size));
  return hosted;
}

export function describeKeyValueCases(makeCluster: MakeCluster): void {
  test("O1: workers that push to their own keys pull the exact sum of their pushes, four times over", () =>
    within(makeCluster, 2, async (it) => {
      for (let round = 0; round < 4; round += 1) {
        const run = await hostSums(it, `kv-${round}`, 2 * keysPerWorker);
        await Promise.all([0, 1].map((rank) => pushAndPull(createCaseWorker(run, rank), rank, 2)));
      }
    }));

  test.each([1, 2, 3])(
    "O1b: workers that push to the same keys pull the exact sum, in any interleaving (seed %i)",
    (seed) =>
      within(makeCluster, 2, async (it) => {
        const size = 1000;
        const run = await hostSums(it, "shared", size);
        const random = createRandom(seed);
        const gradients = [0, 1, 2, 3].map((rank) => {
          const own = createRandom(rank + 7);
          return Float32Array.from({ length: size }, () => own.integer(1000));
        });
        const work = async (worker: CaseWorker, gradient: Float32Array): Promise<void> => {
          let pending: Promise<unknown>[] = [];
          for (let index = 0; index < repeats; index += 1) {
            pending.push(worker.push({ gradient, clock: index }));
            if (random.integer(4) > 0) continue;
            await Promise.all(pending);
            pending = [];
          }
          await Promise.all(pending);
        };
        const workers = gradients.map((_, rank) => createCaseWorker(run, rank));
        await Promise.all(workers.map((worker, rank) => work(worker, gradients[rank] as Float32Array)));
        const { values } = await (workers[0] as CaseWorker).pull(0);
        const expected = Array.from({ length: size }, (_, key) =>
          gradients.reduce((sum, gradient) => sum + repeats * (gradient[key] ?? 0), 0),
        );
        expect([...values]).toEqual(expected);
        for (const shard of await run.describe()) expect(shard.version).toBe(4 * repeats);
      }),
  );

  test("O2: two runs on the same servers do not hear each other", () =>
    within(makeCluster, 2, async (it) => {
      const runs = await Promise.all(["app-0", "app-1"].map((run) => hostSums(it, run, 2 * keysPerWorker)));
      await Promise.all(runs.flatMap((run) => [0, 1].map((rank) => pushAndPull(createCaseWorker(run, rank), rank, 2))));
    }));

  test("O4: with a tenth of all messages lost and every request repeated, the sums are the same", () =>
    within(makeCluster, 2, async (it) => {
      const losses: Losses = { requests: 0, replies: 0 };
      const random = createRandom(4);
      const run = await hostSums(it, "lossy", 2 * keysPerWorker);
      await Promise.all(
        [0, 1].map((rank) => {
          const worker = createCaseWorker(run, rank, (link) => createLossyLink(link, random, 0.1, losses));
          return pushAndPull(worker, rank, 2);
        }),
      );
      expect(losses.requests).toBeGreaterThan(10);
      expect(losses.replies).toBeGreaterThan(10);
      for (const shard of await run.describe()) {
        expect(shard.version).toBe(2 * 2 * repeats);
        expect(shard.duplicates).toBeGreaterThan(0);
      }
    }));
}
