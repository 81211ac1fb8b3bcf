/**
 * One to four steps of optimisers as other systems' suites publish them, pushed to a real shard; the compensation of
 * delays over one of them; and a batch that names a row twice (ElasticDL).
 */
import type { CompensationSnapshot } from "@shoal/optimization";
import { expect, test } from "vitest";
import { membersOf, type CaseCluster, type CaseRun, type MakeCluster } from "./case-cluster.ts";
import { createCaseWorker } from "./case-worker.ts";
import { expectClose, expectNear } from "./near.ts";
import { takeRow } from "./published-rows.ts";

type Optimizer = Readonly<Record<string, unknown>>;

async function within(makeCluster: MakeCluster, body: (it: CaseCluster) => Promise<void>): Promise<void> {
  const cluster = await makeCluster(1);
  try {
    await body(cluster);
  } finally {
    await cluster.close();
  }
}

async function hostOptimizer(
  it: CaseCluster,
  name: string,
  optimizer: Optimizer,
  initial: readonly number[],
  staleness: object = { weight: { name: "none" } },
): Promise<CaseRun> {
  const members = membersOf(1, [1, 2]);
  const run = await it.host({ run: name, size: initial.length, optimizer, staleness: { ...staleness }, members });
  await createCaseWorker(run, 1).initialize(Float32Array.from(initial));
  return run;
}

/** @returns the values after each gradient */
async function play(
  it: CaseCluster,
  optimizer: Optimizer,
  initial: readonly number[],
  gradients: readonly (readonly number[])[],
  name = "steps",
): Promise<number[][]> {
  const worker = createCaseWorker(await hostOptimizer(it, name, optimizer, initial), 1);
  const after: number[][] = [];
  for (const [clock, gradient] of gradients.entries()) {
    await worker.push({ gradient: Float32Array.from(gradient), clock, baseVersion: clock, batch: clock });
    after.push([...(await worker.pull(clock + 1)).values]);
  }
  return after;
}

const adadelta = { name: "adadelta", learningRate: 0.01, rho: 0.9, epsilon: 0.01 };
const adagrad = { name: "adagrad", learningRate: 0.1, initialAccumulator: 1, epsilon: 0 };
const ftrl = { name: "ftrl", learningRate: 0.01, beta: 0, l1: 0, l2: 0, initialAccumulator: 0.1 };
const activeFtrl = { name: "ftrl", learningRate: 0.1, beta: 1, l1: 1, l2: 0.5 };

/** Row, what it is for us, its gradients; each begins at 0. */
const steps: readonly (readonly [string, Optimizer, readonly number[]])[] = [
  ["sgd lr=.1 g=1", { name: "sgd", learningRate: 0.1 }, [1]],
  ["momentum lr=.01 mu=.9 g=10,10", { name: "sgd", learningRate: 0.01, momentum: 0.9 }, [10, 10]],
  ["adagrad(post) lr=.1 init=1 g=1", adagrad, [1]],
  ["adagrad(post) lr=.1 init=1 g=2", adagrad, [2]],
  ["adadelta lr=.01 rho=.9 eps=.01 g=10,10", adadelta, [10, 10]],
  ["ftrl a=.01 beta=0 l1=l2=0 n0=.1 g=10,10", ftrl, [10, 10]],
  ["ftrl a=.01 beta=0 l1=l2=0 n0=.1 g=1,1", ftrl, [1, 1]],
  ["ftrl(l1 active) a=.1 beta=1 l1=1 l2=.5 n0=0 g=3,-1,-4,.5", activeFtrl, [3, -1, -4, 0.5]],
];

function describeSteps(makeCluster: MakeCluster): void {
  const plays = steps.map(
    ([row, ...rest]) => [row, ...rest, takeRow<readonly number[]>(`optimizers/values/${row}`)] as const,
  );
  test.each(plays)("optimiser steps: %s", (_row, optimizer, gradients, expected) =>
    within(makeCluster, async (it) => {
      const each = gradients.map((gradient) => [gradient]);
      expectClose((await play(it, optimizer, [0], each)).flat(), expected);
    }),
  );

  const adams = [10, 1].map((g) => {
    const row = `optimizers/values/adam lr=.01 b=.9/.99 eps=.01 g=${g},${g}`;
    return [g, takeRow<readonly number[]>(row)] as const;
  });
  test.each(adams)("optimiser steps: adam with the ε of its paper, g=%i", (g, expected) =>
    within(makeCluster, async (it) => {
      // The row has ε within the uncorrected root (ε-hat): ours is ε / √(1 − β₂^t), another one in each step. The slots
      // do not depend on it, so each step is that of a shard with its ε.
      const withEpsilonOf = async (step: number): Promise<readonly number[]> => {
        const epsilon = 0.01 / Math.sqrt(1 - 0.99 ** step);
        const adam = { name: "adam", learningRate: 0.01, betas: [0.9, 0.99], epsilon };
        return (await play(it, adam, [0], [[g], [g]], `step-${step}`)).flat();
      };
      const [first = NaN] = await withEpsilonOf(1);
      const [before = NaN, after = NaN] = await withEpsilonOf(2);
      expectClose([first, first + after - before], expected);
    }),
  );

  const layerwise = [
    { name: "lars", learningRate: 0.1, momentum: 0.9, weightDecay: 0.01, trust: 0.001 },
    { name: "lamb", learningRate: 0.1, betas: [0.9, 0.999], epsilon: 1e-6, weightDecay: 0.01 },
  ].map((optimizer) => [optimizer, takeRow<{ readonly w: readonly number[] }>(`${optimizer.name} step1`).w] as const);
  test.each(layerwise)("optimiser steps: $name trusts a layer as published", (optimizer, w) =>
    within(makeCluster, async (it) => {
      expectClose((await play(it, optimizer, [3, 4], [[0.6, 0.8]])).flat(), w);
    }),
  );
}

function describeCompensated(makeCluster: MakeCluster): void {
  const compensated = takeRow<readonly number[]>("dc_over_adadelta");
  test("compensated gradients go through another optimiser as published", () =>
    within(makeCluster, async (it) => {
      const staleness = { weight: { name: "none" }, compensation: { name: "constant", lambda: 0.1 } };
      const run = await hostOptimizer(it, "compensated", adadelta, [0], staleness);
      const [first, second] = [createCaseWorker(run, 1), createCaseWorker(run, 2)];
      for (const worker of [first, second]) await worker.pull(0);
      // The row's first backup is of values that no shard ever had.
      const revised = await run.revise((snapshot) => {
        const { entries, ...rest } = snapshot.compensation as CompensationSnapshot;
        const invented = entries.map((entry) =>
          entry.worker === 1 ? { ...entry, backup: Float32Array.of(0.1) } : entry,
        );
        return { ...snapshot, compensation: { ...rest, entries: invented } };
      });
      expect(revised).toMatchObject({ type: "restored" });
      const values: number[] = [];
      for (const [batch, worker] of [first, second].entries()) {
        await worker.push({ gradient: Float32Array.of(10), baseVersion: 0, batch });
        values.push((await worker.pull(1)).values[0] ?? NaN);
      }
      expectClose(values, compensated);
    }));
}

function describeRepeatedRows(makeCluster: MakeCluster): void {
  test("O9: of a batch that names rows 3, 1 and 3 of a table, the gradients of row 3 are added", () =>
    within(makeCluster, async (it) => {
      const { kernels, memory } = it.kit;
      const [rows, width] = [5, 2];
      const run = await hostOptimizer(it, "rows", { name: "sgd", learningRate: 0.1 }, Array<number>(10).fill(1));
      const [ids, found, table] = [3, 3 * width, rows * width].map((count) => memory.allocate(count * 4).byteOffset);
      if (ids === undefined || found === undefined || table === undefined) throw new RangeError("three vectors");
      new Uint32Array(memory.memory.buffer, ids, 3).set([3, 1, 3]);
      memory.floats(found, 6).set([1, 2, 10, 20, 0.5, 0.25]);
      kernels.scatterAddRows(ids, found, table, 3, width);
      const worker = createCaseWorker(run, 1);
      await worker.push({ gradient: memory.floats(table, rows * width), batch: 0 });
      const { values } = await worker.pull(1);
      expectNear(values, [1, 1, 0, -1, 1, 1, 0.85, 0.775, 1, 1]);
    }));
}

export function describeOptimizerCases(makeCluster: MakeCluster): void {
  describeSteps(makeCluster);
  describeCompensated(makeCluster);
  describeRepeatedRows(makeCluster);
}
