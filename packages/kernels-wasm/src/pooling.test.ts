import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";
import { pooledSize, type PoolShape } from "./families/pooling.ts";

interface PoolCase {
  readonly name: string;
  readonly options: { readonly kernel: number; readonly stride: number };
  readonly inputs: readonly VectorTensor[];
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly inputGradients: readonly VectorTensor[];
}

/** Indices within the plane of each window's values, window by window. */
function windowsOf(shape: PoolShape): number[][] {
  const [rows, columns] = pooledSize(shape);
  return Array.from({ length: rows * columns }, (_, i) => {
    const top = Math.floor(i / columns) * shape.strideY;
    const left = (i % columns) * shape.strideX;
    return Array.from({ length: shape.kernelHeight * shape.kernelWidth }, (_unused, w) => {
      return (top + Math.floor(w / shape.kernelWidth)) * shape.width + left + (w % shape.kernelWidth);
    });
  });
}

const site = createKernelSite("baseline");
const side = fc.integer({ min: 1, max: 4 });
/** Windows of 2×2 side by side have a way of their own. */
const sides = fc.oneof(fc.constant([2, 2] as const), fc.tuple(side, side));

/** Shapes with windows that overlap, leave gaps and do not divide the plane; planes of values with many equals. */
const problems = fc
  .record({
    planes: fc.integer({ min: 1, max: 5 }),
    kernel: sides,
    stride: sides,
    more: fc.tuple(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 14 })),
    shift: fc.integer({ min: 0, max: 3 }),
  })
  .chain(({ planes, kernel, stride, more, shift }) => {
    const shape: PoolShape = {
      height: kernel[0] + more[0],
      width: kernel[1] + more[1],
      kernelHeight: kernel[0],
      kernelWidth: kernel[1],
      strideY: stride[0],
      strideX: stride[1],
    };
    const size = planes * shape.height * shape.width;
    const numbers = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: size, maxLength: size });
    return numbers.map((x) => ({ planes, shape, shift, x }));
  });

describe("pooling", () => {
  it("takes the first of the greatest of each window and leads its gradient back there", () => {
    fc.assert(
      fc.property(problems, ({ planes, shape, shift, x: numbers }) => {
        const windows = windowsOf(shape);
        const size = shape.height * shape.width;
        const x = site.vector(numbers, shift);
        const y = site.blank(planes * windows.length, shift);
        const indices = site.blank(planes * windows.length, shift);
        site.kernels.maxPool(x.at, y.at, indices.at, planes, shape);
        const found = new Int32Array(indices.view.buffer, indices.at, indices.view.length);
        const expected = new Float32Array(numbers.length);
        const dy = site.vector(y.view.map((_, i) => (i % 7) - 2.5));
        for (const [i, value] of y.view.entries()) {
          const plane = Math.floor(i / windows.length);
          const window = windows[i % windows.length] ?? [];
          const values = window.map((at) => numbers[plane * size + at] ?? NaN);
          const best = Math.max(...values);
          const index = window[values.indexOf(best)] ?? NaN;
          expect([value, found[i]]).toEqual([best, index]);
          expected[plane * size + index] = (expected[plane * size + index] ?? NaN) + (dy.view[i] ?? NaN);
        }
        const dx = site.blank(numbers.length, shift);
        site.kernels.maxPoolGradient(dy.at, indices.at, dx.at, planes, shape);
        // Halves of small integers: exact.
        expect(dx.view).toEqual(expected);
        site.clear();
      }),
    );
  });

  it("finds a NaN wherever it stands", () => {
    for (const width of [2, 8, 16]) {
      for (let at = 0; at < 2 * width; at++) {
        const numbers = new Float32Array(2 * width).fill(3);
        numbers[at] = NaN;
        const [x, y, indices] = [site.vector(numbers), site.blank(width / 2), site.blank(width / 2)];
        const shape = { height: 2, width, kernelHeight: 2, kernelWidth: 2, strideY: 2, strideX: 2 };
        site.kernels.maxPool(x.at, y.at, indices.at, 1, shape);
        expect([...y.view.entries()].filter(([, value]) => Number.isNaN(value)).map(([i]) => i)).toEqual([
          Math.floor((at % width) / 2),
        ]);
        site.clear();
      }
    }
  });

  it("takes the mean of each window and shares its gradient out", () => {
    fc.assert(
      fc.property(problems, ({ planes, shape, shift, x: numbers }) => {
        const windows = windowsOf(shape);
        const size = shape.height * shape.width;
        const x = site.vector(numbers, shift);
        const [y, dx] = [site.blank(planes * windows.length, shift), site.blank(numbers.length, shift)];
        site.kernels.averagePool(x.at, y.at, planes, shape);
        const dy = site.vector(y.view.map((_, i) => (i % 7) - 2.5));
        site.kernels.averagePoolGradient(dy.at, dx.at, planes, shape);
        const expected = new Float64Array(numbers.length);
        for (const [i, value] of y.view.entries()) {
          const plane = Math.floor(i / windows.length);
          const window = windows[i % windows.length] ?? [];
          const mean = window.reduce((sum, at) => sum + (numbers[plane * size + at] ?? NaN), 0) / window.length;
          // The sum is exact; the share and the product with it are rounded.
          expect(Math.abs(value - mean)).toBeLessThanOrEqual(1e-6 * Math.abs(mean));
          for (const at of window) {
            expected[plane * size + at] = (expected[plane * size + at] ?? NaN) + (dy.view[i] ?? NaN) / window.length;
          }
        }
        // At most 16 windows add shares of up to 3.5 to a place.
        expect(dx.view.every((value, i) => Math.abs(value - (expected[i] ?? NaN)) < 16 * 3.5 * 4e-7)).toBe(true);
        site.clear();
      }),
    );
  });

  it("takes the mean of whole planes", () => {
    const x = site.vector(Array.from({ length: 3 * 49 }, (_, i) => 1000 + (i % 49)));
    const y = site.blank(3);
    site.kernels.planeMeans(x.at, y.at, 3, 49);
    expect([...y.view]).toEqual([1024, 1024, 1024]);
    site.clear();
  });

  // 1e-5 relative to values of about 1: no reduction is long.
  it.each(["maxpool2d", "avgpool2d"])("computes the reference vectors: %s", (name) => {
    const golden = loadVectors<{ readonly cases: readonly PoolCase[] }>("layers").cases.find((c) => c.name === name);
    const x = site.vector(golden?.inputs[0]?.data ?? []);
    const [rows = 0, channels = 0, height = 0, width = 0] = golden?.inputs[0]?.shape ?? [];
    const { kernel = 0, stride = 0 } = golden?.options ?? {};
    const shape = { height, width, kernelHeight: kernel, kernelWidth: kernel, strideY: stride, strideX: stride };
    const dy = site.vector(golden?.upstream.data ?? []);
    const [y, indices, dx] = [site.blank(dy.view.length), site.blank(dy.view.length), site.blank(x.view.length)];
    if (name === "maxpool2d") {
      site.kernels.maxPool(x.at, y.at, indices.at, rows * channels, shape);
      site.kernels.maxPoolGradient(dy.at, indices.at, dx.at, rows * channels, shape);
    } else {
      site.kernels.averagePool(x.at, y.at, rows * channels, shape);
      site.kernels.averagePoolGradient(dy.at, dx.at, rows * channels, shape);
    }
    expect(golden?.output.data.every((value, i) => Math.abs((y.view[i] ?? NaN) - value) < 1e-5)).toBe(true);
    const gradient = golden?.inputGradients[0]?.data ?? [];
    expect(gradient.every((value, i) => Math.abs((dx.view[i] ?? NaN) - value) < 1e-5)).toBe(true);
    site.clear();
  });
});
