/** Less communication, and the rules that put contributions together: published rows through real shards. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { membersOf, type CaseCluster, type CaseRun, type MakeCluster } from "./case-cluster.ts";
import { createCaseWorker, type CaseWorker } from "./case-worker.ts";
import { expectNear } from "./near.ts";
import { takeGroup, takeRow } from "./published-rows.ts";

const published = {
  adasum: takeGroup<readonly number[]>("adasum"),
  fedasync: takeRow<readonly number[]>("fedasync x0=1 "),
  fedbuff: takeRow<readonly number[]>("fedbuff x0=1 "),
  easgd: takeRow<readonly (readonly [explorers: readonly number[], centre: number])[]>("easgd_sync "),
  diloco: takeRow<readonly number[]>("diloco_outer "),
};

async function within(makeCluster: MakeCluster, servers: number, body: (it: CaseCluster) => Promise<void>) {
  const cluster = await makeCluster(servers);
  try {
    await body(cluster);
  } finally {
    await cluster.close();
  }
}

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** One synchronous step of as many contributions as there are workers; what the values are then. */
async function step(workers: readonly CaseWorker[], clock: number, gradients: readonly ArrayLike<number>[]) {
  await Promise.all(
    workers.map((worker, slot) => {
      const batch = clock * workers.length + slot;
      return worker.push({ gradient: Float32Array.from(gradients[slot] ?? []), clock, baseVersion: clock, batch });
    }),
  );
  return (await workers[0]?.pull(clock + 1))?.values ?? new Float32Array();
}

interface Synchronous {
  readonly name: string;
  readonly size: number;
  readonly workers: number;
  readonly aggregation: "mean" | "sum" | "adasum";
  readonly optimizer: object;
  readonly initial: readonly number[];
}

async function hostSynchronous(it: CaseCluster, scene: Synchronous): Promise<readonly CaseWorker[]> {
  const { name, size, aggregation, optimizer, initial } = scene;
  const run = await it.host({
    ...{ run: name, size, aggregation, optimizer: optimizer as Readonly<Record<string, unknown>> },
    consistency: { mode: "synchronous" },
    slots: scene.workers,
    members: membersOf(1, numbers(scene.workers)),
  });
  const workers = numbers(scene.workers).map((number) => createCaseWorker(run, number));
  await workers[0]?.initialize(Float32Array.from(initial));
  return workers;
}

/** What the shards make of contributions with Adasum. */
async function adasum(it: CaseCluster, name: string, gradients: readonly ArrayLike<number>[]) {
  const size = gradients[0]?.length ?? 0;
  const scene = { name, size, workers: gradients.length, aggregation: "adasum" } as const;
  const workers = await hostSynchronous(it, {
    ...scene,
    optimizer: { name: "accumulate" },
    initial: Array.from({ length: size }, () => 0),
  });
  return step(workers, 0, gradients);
}

const adasumRows: Readonly<Record<string, readonly (readonly number[])[]>> = {
  "orthogonal e1,e2": [
    [1, 0],
    [0, 1],
  ],
  "parallel (2,0),(2,0)": [
    [2, 0],
    [2, 0],
  ],
  "parallel 1x,3x": [
    [1, 0],
    [3, 0],
  ],
  "45deg (1,1),(1,0)": [
    [1, 1],
    [1, 0],
  ],
  "4 orthogonal = sum": [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ],
  "4 parallel r=(1,2,3,4)*(1,-1) = mean": [1, 2, 3, 4].map((r) => [r, -r]),
};

function describeAdasum(makeCluster: MakeCluster): void {
  test.each(Object.entries(published.adasum))("Adasum: %s is %j", (name, expected) =>
    within(makeCluster, 1, async (it) => {
      expectNear(await adasum(it, "adasum", adasumRows[name] ?? []), expected);
    }),
  );

  // O19: 20n − 17, 2n + 1 and n + 2 for n = 4, and a long vector.
  test.each([
    [63, 1],
    [9, 1e-38],
    [6, 1e18],
    [2 ** 19, 1],
  ])("O19: Adasum of orthogonal vectors of %i values around %d is their sum", (size, magnitude) =>
    within(makeCluster, 1, async (it) => {
      const gradients = [0, 1, 2, 3].map((turn) =>
        Float32Array.from({ length: size }, (_, key) => (key % 4 === turn ? magnitude * (1 + (key % 7)) : 0)),
      );
      const sum = Array.from({ length: size }, (_, key) => magnitude * (1 + (key % 7)));
      expectNear(await adasum(it, "orthogonal", gradients), sum, 7 * magnitude);
    }),
  );

  test.each([
    [63, 1],
    [9, 1e-38],
    [6, 1e18],
  ])("O19: Adasum of parallel vectors of %i values around %d is their mean", (size, magnitude) =>
    within(makeCluster, 1, async (it) => {
      const gradients = [1, 2, 3, 4].map((r) =>
        Float32Array.from({ length: size }, (_, key) => r * magnitude * (1 + (key % 5))),
      );
      const mean = Array.from({ length: size }, (_, key) => 2.5 * magnitude * (1 + (key % 5)));
      // Norms of ratios, five roundings: 2e-6 of the largest.
      expectNear(await adasum(it, "parallel", gradients), mean, 10 * magnitude);
    }),
  );

  test("O19: Adasum of values from the least to the greatest float32 square root stays finite and bounded", () =>
    within(makeCluster, 1, async (it) => {
      const magnitudes = Array.from({ length: 16 }, (_, index) => 10 ** (-44 + (index * 62) / 15));
      const gradients = [1, -2, 3].map((r) => Float32Array.from(magnitudes, (magnitude) => r * magnitude));
      const values = await adasum(it, "wide", gradients);
      for (const [key, magnitude] of magnitudes.entries()) {
        expect(Number.isFinite(values[key])).toBe(true);
        expect(Math.abs(values[key] ?? NaN)).toBeLessThanOrEqual(6.001 * Math.max(magnitude, 1e-45));
      }
    }));

  test("Adasum of zeros is zero, and zeros beside a gradient leave it as it is", () =>
    within(makeCluster, 1, async (it) => {
      expectNear(await adasum(it, "zeros", [[0, 0], [0, 0]]), [0, 0]); // prettier-ignore
      expectNear(await adasum(it, "one", [[0, 0], [3, -1], [0, 0]]), [3, -1]); // prettier-ignore
    }));
}

/** Pushes one value at a time from an asynchronous worker; the versions are those of one shard. */
async function hostAsynchronous(it: CaseCluster, name: string, options: Partial<Parameters<CaseCluster["host"]>[0]>) {
  const run: CaseRun = await it.host({
    run: name,
    size: 1,
    optimizer: { name: "sgd", learningRate: 1 },
    members: membersOf(1, [1]),
    ...options,
  });
  const worker = createCaseWorker(run, 1);
  await worker.initialize(Float32Array.of(1));
  let clock = 0;
  return {
    run,
    async push(value: number, baseVersion: number) {
      const [reply] = await worker.push({ gradient: Float32Array.of(value), clock, baseVersion, batch: clock });
      clock += 1;
      return reply;
    },
    async value() {
      return (await worker.pull(clock)).values[0] ?? NaN;
    },
  };
}

const polynomial = { weight: { name: "polynomial", exponent: 0.5 } };

function describeBuffered(makeCluster: MakeCluster): void {
  test("FedBuff: two pushes at a time, weighted by staleness, have the published values", () =>
    within(makeCluster, 1, async (it) => {
      const consistency = { mode: "asynchronous", buffer: 2 } as const;
      const scene = await hostAsynchronous(it, "fedbuff", { consistency, staleness: polynomial });
      // Version 2, from which staleness 3 can be counted one version on; zeros change nothing.
      for (const base of [0, 0, 1, 1]) await scene.push(0, base);
      const values: number[] = [];
      expect(await scene.push(0.5, 2)).toEqual({ type: "push_applied", version: 3, staleness: 0 });
      expect(await scene.value()).toBe(1); // in the sum, not yet applied
      expect(await scene.push(0.3, 1)).toEqual({ type: "push_applied", version: 3, staleness: 1 });
      values.push(await scene.value());
      expect(await scene.push(-0.2, 0)).toEqual({ type: "push_applied", version: 4, staleness: 3 });
      expect(await scene.push(0.4, 3)).toEqual({ type: "push_applied", version: 4, staleness: 0 });
      values.push(await scene.value());
      expectNear(values, published.fedbuff);
      expect(await scene.run.describe()).toMatchObject([{ version: 4, batchesApplied: 8, stalenessMax: 3 }]);
    }));

  test("FedAsync: mixing with polynomial weights has the published values", () =>
    within(makeCluster, 1, async (it) => {
      const optimizer = { name: "average", learningRate: 0.6 };
      const scene = await hostAsynchronous(it, "fedasync", { optimizer, staleness: polynomial });
      await scene.push(1, 0); // the same values: version 1, from which staleness 3 can be counted
      const values: number[] = [];
      for (const [value, base] of [
        [0.5, 1],
        [0.2, 1],
        [0.8, 0],
      ] as const) {
        // prettier-ignore
        await scene.push(value, base);
        values.push(await scene.value());
      }
      expectNear(values, published.fedasync);
    }));
}

function describeLocalUpdates(makeCluster: MakeCluster): void {
  test("EASGD, synchronous: explorers and centre have the published values", () =>
    within(makeCluster, 1, async (it) => {
      const [rate, elasticity] = [0.1, 0.3];
      const rows = published.easgd;
      const gradients = [[0.5, -0.5], [0.2, 0.2]]; // prettier-ignore
      const optimizer = { name: "sgd", learningRate: 1 };
      const scene = { name: "easgd", size: 1, workers: 2, aggregation: "sum", optimizer, initial: [0] } as const;
      const workers = await hostSynchronous(it, scene);
      let explorers = [1, 3];
      let centre = 0;
      for (const [clock, [expectedExplorers, expectedCentre]] of rows.entries()) {
        const moves = explorers.map((x) => elasticity * (centre - x));
        explorers = explorers.map((x, i) => x + (moves[i] ?? 0) - rate * (gradients[clock]?.[i] ?? NaN));
        const values = await step(workers, clock, moves.map((move) => [move])); // prettier-ignore
        centre = values[0] ?? NaN;
        expectNear(explorers, expectedExplorers);
        expectNear([centre], [expectedCentre]);
      }
    }));

  test("DiLoCo: the outer step has the published values", () =>
    within(makeCluster, 1, async (it) => {
      const expected = published.diloco;
      const optimizer = { name: "sgd", learningRate: 0.7, momentum: 0.9, nesterov: true };
      const scene = { name: "diloco", size: 1, workers: 2, aggregation: "mean", optimizer, initial: [1] } as const;
      const workers = await hostSynchronous(it, scene);
      for (const [clock, delta] of [0.5, 0.4, 0.1].entries()) {
        // Two replicas whose mean is the published difference.
        const values = await step(workers, clock, [[delta + 0.25], [delta - 0.25]]);
        expectNear(values, [expected[clock] ?? NaN]);
      }
    }));

  test("O25a: of two who start from M and end one after the other, the second's change is added to the first's", () =>
    within(makeCluster, 1, async (it) => {
      const scene = await hostAsynchronous(it, "two", { staleness: { weight: { name: "none" } } });
      const [start, first, second] = [1, 0.4, 1.7];
      await scene.push(start - first, 0);
      expectNear([await scene.value()], [first]);
      await scene.push(start - second, 0);
      expectNear([await scene.value()], [first + (second - start)]);
    }));

  test("O25b: with weight 0 beyond a staleness those pushes are as if they had never been", () =>
    within(makeCluster, 1, async (it) => {
      // A slope of 1e30 leaves a weight of 1e-30, below half a unit of the last place of any value here.
      const staleness = { weight: { name: "hinge", slope: 1e30, offset: 1 } };
      const all = await hostAsynchronous(it, "with", { staleness });
      const some = await hostAsynchronous(it, "without", { staleness });
      for (const [value, age] of [
        [0.3, 0],
        [0.2, 1],
        [5, 2],
        [-0.4, 0],
        [7, 3],
      ] as const) {
        // prettier-ignore
        const version = (await all.run.describe())[0]?.version ?? NaN;
        await all.push(value, version - age);
        const other = (await some.run.describe())[0]?.version ?? NaN;
        if (age <= 1) await some.push(value, other - Math.min(age, other));
      }
      expect(await all.value()).toBe(await some.value());
    }));

  test("O25c: a polynomial of exponent 1 cancels against changes that grow with their age", () =>
    within(makeCluster, 1, async (it) => {
      const weighted = await hostAsynchronous(it, "linear", {
        staleness: { weight: { name: "polynomial", exponent: 1 } },
      });
      const constant = await hostAsynchronous(it, "constant", { staleness: { weight: { name: "none" } } });
      for (const [version, age] of [0, 1, 2, 1, 4].entries()) {
        await weighted.push(0.1 * (age + 1), version - age);
        await constant.push(0.1, version - age);
      }
      expectNear([await weighted.value()], [await constant.value()]);
    }));

  test("O25d: exponent 0 is weight 1, and one outside of 0 to 1 is refused", () =>
    within(makeCluster, 1, async (it) => {
      const flat = await hostAsynchronous(it, "flat", { staleness: { weight: { name: "polynomial", exponent: 0 } } });
      const plain = await hostAsynchronous(it, "plain", { staleness: { weight: { name: "none" } } });
      for (const [version, age] of [0, 1, 2, 3].entries()) {
        await flat.push(0.1, version - age);
        await plain.push(0.1, version - age);
      }
      expect(await flat.value()).toBe(await plain.value());
      for (const exponent of [-0.1, 1.1]) {
        const staleness = { weight: { name: "polynomial", exponent } };
        await expect(hostAsynchronous(it, "refused", { staleness })).rejects.toMatchObject({
          code: "invalid_argument",
        });
      }
    }));
}

/** Adasum of two in float64, straight from the formula: what the shards are held to. */
function plainAdasum(a: readonly number[], b: readonly number[]): number[] {
  const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0);
  const factor = (x: readonly number[]): number => (dot(x, x) === 0 ? 1 : 1 - dot(a, b) / (2 * dot(x, x)));
  return a.map((v, i) => factor(a) * v + factor(b) * (b[i] ?? 0));
}

function describeTree(makeCluster: MakeCluster): void {
  test("Adasum of any number of contributions is the tree over the slots, its rest combined from the last", () =>
    within(makeCluster, 1, async (it) => {
      const vector = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 3, maxLength: 3 });
      let trial = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(vector, { minLength: 1, maxLength: 7 }), async (gradients) => {
          const level = (list: readonly number[][]): number[][] =>
            Array.from({ length: list.length / 2 }, (_, i) => plainAdasum(list[2 * i] ?? [], list[2 * i + 1] ?? []));
          const roots: number[][] = [];
          let at = 0;
          for (const size of [4, 2, 1]) {
            if ((gradients.length & size) === 0) continue;
            let part = gradients.slice(at, at + size);
            while (part.length > 1) part = level(part);
            roots.push(part[0] ?? []);
            at += size;
          }
          const expected = roots.reduceRight((later, earlier) => plainAdasum(earlier, later));
          trial += 1;
          // Factors divide by norms that may be small beside the dot product: 1e-5 of the largest number here.
          expectNear(await adasum(it, `tree-${trial}`, gradients), expected, 10 * 63);
        }),
        { numRuns: 15 },
      );
    }));
}

export function describeAggregationCases(makeCluster: MakeCluster): void {
  describeAdasum(makeCluster);
  describeTree(makeCluster);
  describeBuffered(makeCluster);
  describeLocalUpdates(makeCluster);
}
