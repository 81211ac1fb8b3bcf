import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dealDigits, dealtFingerprint } from "../../../../test/support/dealt-digits.ts";
import { seededDraws } from "../../../../test/support/seeded-draws.ts";
import { partitionByLabels, partitionByShards } from "./by-label.ts";
import { partitionBySize, partitionEvenly } from "./by-size.ts";
import { partitionByDirichlet } from "./dirichlet.ts";
import { logGamma, type DrawSource } from "./draws.ts";
import { exactExp, exactLog } from "./exact-functions.ts";
import type { Partition } from "./partition.ts";

/** Ten labels in an order without a pattern. */
const labelsOf = (samples: number): Uint8Array => {
  const draws = seededDraws("labels");
  return Uint8Array.from({ length: samples }, () => draws.integer(10));
};

type Partitioner = (labels: Uint8Array, clients: number, draws: DrawSource) => Partition;

const partitioners: Readonly<Record<string, Partitioner>> = {
  evenly: (labels, clients, draws) => partitionEvenly(labels.length, clients, draws),
  "by linear size": (labels, clients, draws) => partitionBySize(labels.length, clients, "linear", draws),
  "by square size": (labels, clients, draws) => partitionBySize(labels.length, clients, "square", draws),
  "by exponential size": (labels, clients, draws) => partitionBySize(labels.length, clients, "exponential", draws),
  "by shards": (labels, clients, draws) => partitionByShards(labels, clients, 2, draws),
  "by labels": (labels, clients, draws) => partitionByLabels(labels, clients, 5, draws),
  "by Dirichlet": (labels, clients, draws) => partitionByDirichlet(labels, clients, { alpha: 0.5, minimum: 0 }, draws),
};

describe.each(Object.entries(partitioners))("samples dealt %s", (_name, partition) => {
  it("go to one client each, and nobody is left out", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 300, max: 500 }),
        fc.integer({ min: 2, max: 30 }),
        fc.nat(),
        (count, clients, seed) => {
          const parts = partition(labelsOf(count), clients, seededDraws(seed));
          expect(parts).toHaveLength(clients);
          const all = parts.flatMap((part) => [...part]).sort((one, other) => one - other);
          expect(all).toEqual(Array.from({ length: count }, (_, index) => index));
          for (const part of parts) expect(part).toEqual(part.toSorted());
        },
      ),
      { numRuns: 30 },
    );
  });

  it("depend on the seed alone", () => {
    const labels = labelsOf(400);
    expect(partition(labels, 7, seededDraws(3))).toEqual(partition(labels, 7, seededDraws(3)));
    expect(partition(labels, 7, seededDraws(3))).not.toEqual(partition(labels, 7, seededDraws(4)));
  });

  it("are refused for more clients than samples", () => {
    expect(() => partition(labelsOf(5), 6, seededDraws(1))).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });
});

/** Samples of each label. */
function histogram(labels: Uint8Array, part: Uint32Array): number[] {
  const counts = Array.from({ length: 10 }, () => 0);
  for (const index of part) counts[labels[index] ?? 0] = (counts[labels[index] ?? 0] ?? 0) + 1;
  return counts;
}

const labels = labelsOf(6000);
const kinds = (part: Uint32Array): number => histogram(labels, part).filter((count) => count > 0).length;

describe("sizes", () => {
  it("are equal but for one", () => {
    const sizes = partitionEvenly(103, 10, seededDraws(1)).map(({ length }) => length);
    expect(new Set(sizes)).toEqual(new Set([10, 11]));
  });

  it.each([
    ["linear", [1, 2, 3, 4]],
    ["square", [1, 4, 9, 16]],
    ["exponential", [1, Math.E, Math.E ** 2, Math.E ** 3]],
  ] as const)("grow as %s", (growth, weights) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const sizes = partitionBySize(100_000, 4, growth, seededDraws(1)).map(({ length }) => length);
    // Everybody gets one first, and parts are whole.
    for (const [at, weight] of weights.entries()) {
      expect(Math.abs((sizes[at] ?? NaN) - (100_000 * weight) / total)).toBeLessThan(5);
    }
  });

  it("leave one sample at least to each of a thousand clients of exponential growth", () => {
    const sizes = partitionBySize(60_000, 1000, "exponential", seededDraws(1)).map(({ length }) => length);
    expect(Math.min(...sizes)).toBe(1);
  });
});

describe("few labels a client", () => {
  it("with two shards each, most clients have two or three, none more than four", () => {
    const parts = partitionByShards(labels, 100, 2, seededDraws(5));
    expect(new Set(parts.map(({ length }) => length))).toEqual(new Set([60]));
    expect(Math.max(...parts.map(kinds))).toBeLessThanOrEqual(4);
    expect(parts.filter((part) => kinds(part) <= 3).length).toBeGreaterThan(80);
  });

  it.each([1, 2, 3, 10])("exactly %d labels are exactly so many, taken by as many clients each", (count) => {
    const parts = partitionByLabels(labels, 30, count, seededDraws(count));
    expect(new Set(parts.map(kinds))).toEqual(new Set([count]));
    const owners = Array.from({ length: 10 }, (_, label) =>
      parts.filter((part) => (histogram(labels, part)[label] ?? 0) > 0),
    );
    expect(new Set(owners.map(({ length }) => length))).toEqual(new Set([3 * count]));
  });

  it.each([
    [3, 3, "leave some of 10 labels to nobody"],
    [5, 11, "expected 1 to 10"],
    [5, 0, "expected 1 to 10"],
  ])("%d clients with %d labels each are refused", (clients, each, sentence) => {
    expect(() => partitionByLabels(labels, clients, each, seededDraws(1))).toThrow(sentence);
  });

  it("a label with fewer samples than clients is refused", () => {
    expect(() => partitionByLabels([0, 0, 0, 1], 4, 2, seededDraws(1))).toThrow(
      "a label with 3 samples would go to 4 clients",
    );
  });
});

describe("Dirichlet partitions", () => {
  const deal = (alpha: number, selfBalancing: boolean, minimum = 0): Partition =>
    partitionByDirichlet(labels, 10, { alpha, selfBalancing, minimum }, seededDraws(`${alpha}`));

  it("with a great α give everybody the labels of the whole", () => {
    // 9 degrees of freedom: χ² of an even deal is far below its 99.9 % quantile of 27.9, since nothing is drawn twice.
    for (const part of deal(1e6, false)) {
      const expected = histogram(labels, Uint32Array.from(labels.keys())).map((count) => count / 10);
      const chiSquare = histogram(labels, part).reduce(
        (sum, count, label) => sum + (count - (expected[label] ?? NaN)) ** 2 / (expected[label] ?? NaN),
        0,
      );
      expect(chiSquare).toBeLessThan(27.9);
    }
  });

  it("with the smallest α still are partitions", () => {
    const parts = deal(1e-9, false);
    expect(parts.reduce((sum, { length }) => sum + length, 0)).toBe(labels.length);
  });

  it("with a small α give each label to about one client", () => {
    const parts = deal(1e-4, false);
    for (let label = 0; label < 10; label += 1) {
      const counts = parts.map((part) => histogram(labels, part)[label] ?? 0);
      const total = counts.reduce((sum, count) => sum + count, 0);
      expect(Math.max(...counts) / total).toBeGreaterThan(0.99);
    }
  });

  it("balance themselves: nobody who has more than the even part gets of the next label", () => {
    const sizes = (selfBalancing: boolean): number => Math.max(...deal(0.1, selfBalancing).map(({ length }) => length));
    // One label has 600 samples, the even part is 600: who has that much gets no more.
    expect(sizes(true)).toBeLessThanOrEqual(1300);
    expect(sizes(true)).toBeLessThan(sizes(false));
  });

  it("keep the minimum, or say what would help", () => {
    expect(Math.min(...deal(0.5, true, 10).map(({ length }) => length))).toBeGreaterThanOrEqual(10);
    expect(() => deal(1e-4, false, 10)).toThrow(
      /in 10 draws somebody had at most \d+ samples, not 10; a greater alpha/,
    );
    expect(() => deal(0, true)).toThrow("alpha: expected a number from 1e-9 on");
  });
});

describe("draws", () => {
  it.each([0.3, 1, 2.5, 40])("from Gamma(%d, 1) have its mean and variance", (shape) => {
    const draws = seededDraws(shape);
    const values = Array.from({ length: 20_000 }, () => Math.exp(logGamma(shape, draws)));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    // Both are the shape. Four standard errors: of the mean √(shape/n), of the variance √((2·shape² + 6·shape)/n).
    expect(Math.abs(mean - shape)).toBeLessThan(4 * Math.sqrt(shape / 20_000));
    expect(Math.abs(variance - shape)).toBeLessThan(4 * Math.sqrt((2 * shape ** 2 + 6 * shape) / 20_000));
  });

  it("take logarithms and exponentials as near as Math's", () => {
    const positive = fc.double({ min: 1e-300, max: 1e300, noNaN: true });
    fc.assert(
      fc.property(positive, fc.double({ min: -690, max: 690, noNaN: true }), (x, y) => {
        // 2 units in the last place of a number up to 690; near 1 the logarithm is small and its error relative to it.
        expect(Math.abs(exactLog(x) - Math.log(x))).toBeLessThanOrEqual(
          4.5e-16 * Math.max(Math.abs(Math.log(x)), 1e-300),
        );
        expect(Math.abs(exactExp(y) / Math.exp(y) - 1)).toBeLessThan(1e-15);
      }),
      { numRuns: 2000 },
    );
    expect([exactLog(1), exactExp(0), exactExp(-1e9), exactExp(-Infinity)]).toEqual([0, 1, 0, 0]);
  });

  it("are these, on every engine", () => {
    const draws = seededDraws("every engine");
    const bits = Array.from({ length: 4 }, () => logGamma(0.5, draws));
    expect(bits).toEqual([-3.6892454504370398, -3.282344611754005, -0.282809769898168, -1.1849047010714433]);
    expect(dealDigits()).toBe(dealtFingerprint);
  });
});
