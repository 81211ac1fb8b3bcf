/** Synchronous cases of other systems' tests: MXNet's distributed store, ElasticDL's parameter server. */
import { expect, test } from "vitest";
import { createCaseWorker } from "./case-worker.ts";
import { membersOf, type CaseCluster, type CaseRun, type MakeCluster } from "./case-cluster.ts";

const synchronous = { mode: "synchronous" } as const;

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

/** Worker r of MXNet's test: pushes ones·(r + 1) in every round and checks what it pulls. */
async function pushRounds(run: CaseRun, rank: number, workers: number, size: number, rounds: number): Promise<void> {
  const worker = createCaseWorker(run, rank);
  const gradient = new Float32Array(size).fill(rank + 1);
  for (let round = 0; round < rounds; round += 1) {
    const terms = { gradient, clock: round, baseVersion: round };
    const { values, replies } = await worker.pushPull(terms, round + 1);
    for (const { push, pull } of replies) {
      expect(push).toEqual({ type: "push_applied", version: round + 1, staleness: 0 });
      expect(pull.version).toBe(round + 1);
    }
    const expected = workers * (workers + 1) * (round + 1) + 1;
    expect(values.every((value) => value === expected)).toBe(true);
  }
}

export function describeSynchronousCases(makeCluster: MakeCluster): void {
  test.each([
    { shape: [2, 3], workers: 2, rounds: 5 },
    { shape: [2, 3], workers: 4, rounds: 5 },
    { shape: [1200, 1200], workers: 3, rounds: 3 },
  ])("O6: w += 2·Σg is exact for shape $shape and $workers workers", ({ shape, workers, rounds }) =>
    within(makeCluster, 2, async (it) => {
      const size = shape.reduce((product, side) => product * side, 1);
      const ranks = Array.from({ length: workers }, (_, rank) => rank);
      const run = await it.host({
        run: "mxnet",
        size,
        optimizer: { name: "accumulate", scale: 2 },
        consistency: synchronous,
        aggregation: "sum",
        slots: workers,
        members: membersOf(1, ranks),
      });
      await createCaseWorker(run, 99).initialize(new Float32Array(size).fill(1));
      await Promise.all(ranks.map((rank) => pushRounds(run, rank, workers, size, rounds)));
    }),
  );

  test.each([
    { aggregation: "mean", what: "averaged", expected: [1 - 0.1 * 2, 2 - 0.1 * 3] },
    { aggregation: "sum", what: "summed", expected: [1 - 0.1 * 4, 2 - 0.1 * 6] },
  ] as const)("O10: gradients are $what over two workers, and one of an earlier version is not accepted", (given) =>
    within(makeCluster, 1, async (it) => {
      const run = await it.host({
        run: "elastic",
        size: 2,
        optimizer: { name: "sgd", learningRate: 0.1 },
        consistency: synchronous,
        aggregation: given.aggregation,
        slots: 2,
        members: membersOf(1, [0, 1]),
      });
      const [first, second] = [createCaseWorker(run, 0), createCaseWorker(run, 1)];
      await first.initialize(Float32Array.of(1, 2));
      const pushes = [
        first.push({ gradient: Float32Array.of(1, 1), batch: 0 }),
        second.push({ gradient: Float32Array.of(3, 5), batch: 1 }),
      ];
      for (const [reply] of await Promise.all(pushes)) {
        expect(reply).toEqual({ type: "push_applied", version: 1, staleness: 0 });
      }
      const late = await first.push({ gradient: Float32Array.of(9, 9), batch: 0 });
      expect(late).toEqual([{ type: "push_rejected", reason: "stale_clock", version: 1 }]);
      const { values, replies } = await second.pull(1);
      expect(replies).toEqual([{ type: "values", version: 1 }]);
      // Float32 of a value near 1: off by at most 2⁻²⁴ in each of three roundings.
      for (const [key, value] of given.expected.entries())
        expect(Math.abs((values[key] ?? NaN) - value)).toBeLessThan(2e-7);
    }),
  );
}
