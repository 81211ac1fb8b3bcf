import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { createOptimizer, isLayerwise, plainTreatment, type OptimizerSpec, type UpdateRange } from "./index.ts";

const site = createKernelSite("baseline");
const { kernels, memory } = site;

/** Values after two steps; each part of the vector by an optimiser of its own. */
function alone(spec: OptimizerSpec, values: number[], gradients: number[][], learningRate: number): number[] {
  const w = site.vector(values);
  const optimizer = createOptimizer(spec, { size: values.length, kernels, memory });
  for (const gradient of gradients) optimizer.step(w.at, site.vector(gradient).at, learningRate);
  optimizer.dispose();
  return [...w.view];
}

function ranged(
  spec: OptimizerSpec,
  ranges: readonly UpdateRange[],
  values: number[],
  gradients: number[][],
): number[] {
  const w = site.vector(values);
  const optimizer = createOptimizer(spec, { size: values.length, kernels, memory, ranges });
  for (const gradient of gradients) optimizer.step(w.at, site.vector(gradient).at, 0.1, 2);
  optimizer.dispose();
  return [...w.view];
}

const specs: readonly OptimizerSpec[] = [
  { name: "sgd", weightDecay: 0.5 },
  { name: "sgd", momentum: 0.9, weightDecay: 0.5 },
  { name: "adam", amsgrad: true },
  { name: "adamw" },
  { name: "adagrad" },
  { name: "rmsprop", momentum: 0.5, centered: true },
  { name: "adadelta" },
  { name: "lamb" },
  { name: "lars" },
  { name: "ftrl", l2: 0.5 },
];
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 4 });
const numbers = (size: number): fc.Arbitrary<number[]> =>
  fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: size, maxLength: size });
const anyRun = sizes.chain((lengths) => {
  const size = lengths.reduce((sum, length) => sum + length, 0);
  return fc.record({
    lengths: fc.constant(lengths),
    values: numbers(size),
    gradients: fc.array(numbers(size), { minLength: 2, maxLength: 2 }),
  });
});

describe("ranges of an optimiser", () => {
  it.each(specs)("are updated as by an optimiser of their own, with their decay and rate: %j", (spec) => {
    fc.assert(
      fc.property(anyRun, ({ lengths, values, gradients }) => {
        const treatments = [
          plainTreatment,
          { kind: "optimizer", weightDecay: 0.25, learningRateScale: 3 },
          { kind: "frozen" },
          { kind: "statistic", rate: 0.125 },
        ] as const;
        let end = 0;
        const ranges = lengths.map((length, i): UpdateRange => {
          const begin = end;
          end += length;
          return { begin, end, treatment: treatments[i] ?? plainTreatment };
        });
        const result = ranged(spec, ranges, values, gradients);
        const part = (list: number[], i: number): number[] => list.slice(ranges[i]?.begin, ranges[i]?.end);
        const parts = (i: number): [number[], number[][]] => [part(values, i), gradients.map((g) => part(g, i))];
        const decay = spec.name === "ftrl" ? { ...spec, l2: 0.25 } : ({ ...spec, weightDecay: 0.25 } as OptimizerSpec);
        expect(part(result, 0)).toEqual(alone(spec, ...parts(0), 0.1));
        expect(part(result, 1)).toEqual(alone(decay, ...parts(1), 0.1 * 3));
        expect(part(result, 2)).toEqual(part(values, 2));
        // Two contributions were summed: the statistic moves by half of the gradient.
        const [from, [first = [], second = []]] = parts(3);
        const moved = from.map((value, i) => {
          const once = Math.fround(value - Math.fround(0.0625 * (first[i] ?? NaN)));
          return Math.fround(once - Math.fround(0.0625 * (second[i] ?? NaN)));
        });
        expect(part(result, 3)).toEqual(moved);
        site.clear();
      }),
      { numRuns: 30 },
    );
  });

  it("give the same bits as the whole vector where they change nothing", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...specs.filter((spec) => !isLayerwise(spec))),
        anyRun,
        (spec, { values, gradients }) => {
          const ranges = values.map((_, begin): UpdateRange => ({ begin, end: begin + 1, treatment: plainTreatment }));
          expect(ranged(spec, ranges, values, gradients)).toEqual(alone(spec, values, gradients, 0.1));
          site.clear();
        },
      ),
    );
  });

  it.each([
    [[]],
    [[[0, 2]]],
    [
      [
        [0, 2],
        [3, 4],
      ],
    ],
    [
      [
        [0, 2],
        [2, 2],
        [2, 4],
      ],
    ],
    [[[0, 5]]],
  ])("are refused when they do not cover the values: %j", (pairs) => {
    const ranges = pairs.map(([begin = 0, end = 0]): UpdateRange => ({ begin, end, treatment: plainTreatment }));
    expect(() => createOptimizer({ name: "sgd" }, { size: 4, kernels, memory, ranges })).toThrow(RangeError);
  });

  it("cannot give a decay to an optimiser that has none, and take no memory then", () => {
    const before = memory.allocatedBytes;
    const ranges: UpdateRange[] = [
      { begin: 0, end: 4, treatment: { kind: "optimizer", weightDecay: 0.1, learningRateScale: 1 } },
    ];
    expect(() => createOptimizer({ name: "accumulate" }, { size: 4, kernels, memory, ranges })).toThrow(
      /no weight decay/,
    );
    expect(memory.allocatedBytes).toBe(before);
  });
});
