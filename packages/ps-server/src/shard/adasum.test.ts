import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import { plainTreatment, type UpdateRange } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createAdasum, partialResults } from "./adasum.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);

function adasumOf(ranges: readonly UpdateRange[], contributions: readonly (readonly [number[], number])[]): number[] {
  const size = ranges.at(-1)?.end ?? 0;
  const tree = createAdasum({ size, slots: contributions.length, ranges, kernels, memory });
  for (const [values, samples] of contributions) {
    const region = memory.allocate(size * 4);
    memory.floats(region.byteOffset, size).set(values);
    tree.fold(region.byteOffset, samples);
    expect([...memory.floats(region.byteOffset, size)]).toEqual(values); // borrowed
    memory.free(region);
  }
  const whole = tree.finish();
  const result = whole === undefined ? [] : [...memory.floats(whole, size)];
  expect(tree.finish()).toBeUndefined();
  tree.dispose();
  return result;
}

describe("Adasum", () => {
  it("judges each layer by itself, and takes the mean of statistics by samples", () => {
    const ranges: UpdateRange[] = [
      { begin: 0, end: 2, treatment: plainTreatment },
      { begin: 2, end: 4, treatment: plainTreatment },
      { begin: 4, end: 5, treatment: { kind: "statistic", rate: 0.1 } },
    ];
    // Orthogonal in the first layer, parallel in the second.
    const found = adasumOf(ranges, [
      [[1, 0, 2, 2, 8], 3],
      [[0, 1, 4, 4, 4], 1],
    ]);
    expect(found).toEqual([1, 1, 3, 3, 7]);
  });

  it("stays the mean of what is parallel, and the sum of what is not, however far magnitudes are apart", () => {
    const ranges = [{ begin: 0, end: 2, treatment: plainTreatment }];
    for (const [small, great] of [
      [1e-40, 1],
      [1e-38, 1e18],
      [1e-45, 1e15],
    ] as const) {
      // prettier-ignore
      const parallel = adasumOf(ranges, [[[small, small].map(Math.fround), 1], [[great, great].map(Math.fround), 1]]); // prettier-ignore
      for (const value of parallel) expect(Math.abs(value / great - 0.5)).toBeLessThan(1e-6); // float32
      const orthogonal = adasumOf(ranges, [[[great, 0].map(Math.fround), 1], [[0, small].map(Math.fround), 1]]); // prettier-ignore
      expect(orthogonal).toEqual([Math.fround(great), Math.fround(small)]);
    }
  });

  it("holds as many vectors as partial results can stand at a time, and gives them back", () => {
    for (const [slots, vectors] of [
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 2],
      [7, 3],
      [8, 3],
      [64, 6],
    ] as const) {
      // prettier-ignore
      expect(partialResults(slots)).toBe(vectors);
      const before = memory.allocatedBytes;
      const ranges = [{ begin: 0, end: 1, treatment: plainTreatment }];
      const tree = createAdasum({ size: 1, slots, ranges, kernels, memory });
      expect(tree.bytes).toBe(vectors * 4);
      // Ones are parallel: any number of them has the mean 1. Twice, so that nothing is left from the first time.
      for (const _ of [1, 2]) {
        const region = memory.allocate(4);
        memory.floats(region.byteOffset, 1).fill(1);
        for (let slot = 0; slot < slots; slot += 1) tree.fold(region.byteOffset, 1);
        expect(memory.floats(tree.finish() ?? 0, 1)[0]).toBe(1);
        memory.free(region);
      }
      tree.dispose();
      expect(memory.allocatedBytes).toBe(before);
    }
  });
});
