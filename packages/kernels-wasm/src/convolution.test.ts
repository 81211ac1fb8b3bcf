import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite, type KernelSite } from "../../../test/support/kernel-site.ts";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";
import { convolutionScratchBytes, convolvedSize, type ConvolutionShape } from "./families/convolution.ts";

interface LayerCase {
  readonly name: string;
  readonly options: Readonly<Record<string, number>>;
  readonly inputs: readonly VectorTensor[];
  readonly params: Readonly<Record<"weight" | "bias", VectorTensor>>;
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly inputGradients: readonly VectorTensor[];
  readonly paramGradients: Readonly<Record<"weight" | "bias", VectorTensor>>;
}

/** Repeatable values in [−1, 1). */
function values(count: number, seed: number): Float32Array {
  let state = seed >>> 0 || 1;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  });
}

interface Operands {
  readonly x: ArrayLike<number>;
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
  readonly dy: ArrayLike<number>;
}

interface Passes {
  readonly y: Float64Array | Float32Array;
  readonly dWeight: Float64Array | Float32Array;
  readonly dx: Float64Array | Float32Array;
}

/** The definition, in float64: every product of a pixel and a weight takes part in all three passes. */
function reference(shape: ConvolutionShape, rows: number, { x, weight, bias, dy }: Operands): Passes {
  const { channels, height, width, filters, kernelHeight, kernelWidth } = shape;
  const [resultHeight, resultWidth] = convolvedSize(shape);
  const positions = resultHeight * resultWidth;
  const taps = channels * kernelHeight * kernelWidth;
  const y = Float64Array.from({ length: rows * filters * positions }, (_, i) => {
    return bias[Math.floor(i / positions) % filters] ?? 0;
  });
  const dWeight = new Float64Array(filters * taps);
  const dx = new Float64Array(rows * channels * height * width);
  for (let row = 0; row < rows; row++) {
    for (let position = 0; position < positions; position++) {
      const top = Math.floor(position / resultWidth) * shape.strideY - shape.paddingY;
      const left = (position % resultWidth) * shape.strideX - shape.paddingX;
      for (let tap = 0; tap < taps; tap++) {
        const channel = Math.floor(tap / (kernelHeight * kernelWidth));
        const iy = top + (Math.floor(tap / kernelWidth) % kernelHeight);
        const ix = left + (tap % kernelWidth);
        if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
        const pixel = ((row * channels + channel) * height + iy) * width + ix;
        for (let filter = 0; filter < filters; filter++) {
          const result = (row * filters + filter) * positions + position;
          const w = filter * taps + tap;
          y[result] = (y[result] ?? 0) + (x[pixel] ?? NaN) * (weight[w] ?? NaN);
          dWeight[w] = (dWeight[w] ?? 0) + (x[pixel] ?? NaN) * (dy[result] ?? NaN);
          dx[pixel] = (dx[pixel] ?? 0) + (weight[w] ?? NaN) * (dy[result] ?? NaN);
        }
      }
    }
  }
  return { y, dWeight, dx };
}

function run(site: KernelSite, shape: ConvolutionShape, rows: number, operands: Operands, shift = 0): Passes {
  const { kernels } = site;
  const [x, weight, bias, dy] = [operands.x, operands.weight, operands.bias, operands.dy].map((v) =>
    site.vector(v, shift),
  ) as [ReturnType<KernelSite["vector"]>, ...ReturnType<KernelSite["vector"]>[]];
  const [y, dWeight, dx] = [dy, weight, x].map((like) => site.blank(like?.view.length ?? 0, shift));
  const scratch = site.blank(convolutionScratchBytes(shape, rows) / 4).at;
  if (!weight || !bias || !dy || !y || !dWeight || !dx) throw new Error("unreachable");
  kernels.convolution(x.at, weight.at, bias.at, y.at, scratch, rows, shape, "identity");
  kernels.convolutionWeightGradient(x.at, dy.at, dWeight.at, scratch, rows, shape);
  kernels.convolutionInputGradient(dy.at, weight.at, dx.at, scratch, rows, shape);
  const result = { y: y.view.slice(), dWeight: dWeight.view.slice(), dx: dx.view.slice() };
  site.clear();
  return result;
}

/** Greatest difference, in units of the greatest expected magnitude (at least 1); NaN is not within any bound. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return NaN;
  let [worst, magnitude] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    magnitude = Math.max(magnitude, Math.abs(expected[i] ?? NaN));
    worst = Math.max(worst, Math.abs((actual[i] ?? NaN) - (expected[i] ?? NaN)));
  }
  return worst / magnitude;
}

/** Against float64, within the rounding of some thousand additions of numbers up to 1. */
function check(site: KernelSite, shape: ConvolutionShape, rows: number, shift = 0): void {
  const [resultHeight, resultWidth] = convolvedSize(shape);
  const operands = {
    x: values(rows * shape.channels * shape.height * shape.width, 1 + shape.height),
    weight: values(shape.filters * shape.channels * shape.kernelHeight * shape.kernelWidth, 2 + shape.width),
    bias: values(shape.filters, 3 + rows),
    dy: values(rows * shape.filters * resultHeight * resultWidth, 4 + shape.filters),
  };
  const actual = run(site, shape, rows, operands, shift);
  const expected = reference(shape, rows, operands);
  for (const key of ["y", "dWeight", "dx"] as const) {
    expect(difference(actual[key], expected[key]), `${key} of ${rows} × ${JSON.stringify(shape)}`).toBeLessThan(4e-6);
  }
}

function shapeOf(
  channels: number,
  [height, width]: readonly [number, number],
  filters: number,
  [kernelHeight, kernelWidth]: readonly [number, number],
  [strideY, strideX]: readonly [number, number] = [1, 1],
  [paddingY, paddingX]: readonly [number, number] = [0, 0],
): ConvolutionShape {
  return { channels, height, width, filters, kernelHeight, kernelWidth, strideY, strideX, paddingY, paddingX };
}

/** Every border of the blocks: positions within and across samples, groups of padded samples, taps, filters. */
const borders: readonly (readonly [rows: number, ConvolutionShape])[] = [
  [3, shapeOf(1, [28, 28], 32, [5, 5])],
  [9, shapeOf(32, [12, 12], 20, [5, 5])],
  [70, shapeOf(3, [3, 3], 7, [3, 3])],
  [40, shapeOf(9, [6, 6], 70, [3, 3])],
  [9, shapeOf(40, [5, 5], 300, [3, 3], [1, 1], [1, 1])],
  [1, shapeOf(2, [40, 60], 7, [3, 3], [1, 1], [1, 1])],
  [33, shapeOf(4, [9, 9], 5, [3, 3], [2, 2], [1, 1])],
  [5, shapeOf(600, [3, 3], 3, [1, 1])],
  [2, shapeOf(2, [4, 5], 600, [3, 3])],
];

const cases = loadVectors<{ readonly cases: readonly LayerCase[] }>("layers").cases;

describe.each(["baseline", "relaxed"] as const)("a convolution of the %s kernels", (build) => {
  const site = createKernelSite(build);

  // 1e-5 relative: at most 50 products are added up.
  it.each(["conv2d", "conv2d-stride2"])("computes the reference vectors: %s", (name) => {
    const golden = cases.find((one) => one.name === name);
    if (golden === undefined) throw new Error(`no vector ${name}`);
    const { options, params, inputs, paramGradients, inputGradients } = golden;
    const [x, dx] = [inputs[0], inputGradients[0]];
    const [rows = 0, channels = 0, height = 0, width = 0] = x?.shape ?? [];
    const [filters = 0, , kernelHeight = 0, kernelWidth = 0] = params.weight.shape;
    const [stride, padding] = [options["stride"] ?? 1, options["padding"] ?? 0];
    const kernel = [kernelHeight, kernelWidth] as const;
    const shape = shapeOf(channels, [height, width], filters, kernel, [stride, stride], [padding, padding]);
    const operands = { x: x?.data ?? [], weight: params.weight.data, bias: params.bias.data, dy: golden.upstream.data };
    const actual = run(site, shape, rows, operands);
    expect(difference(actual.y, golden.output.data)).toBeLessThan(1e-5);
    expect(difference(actual.dWeight, paramGradients.weight.data)).toBeLessThan(1e-5);
    expect(difference(actual.dx, dx?.data ?? [])).toBeLessThan(1e-5);
    const dy = site.vector(operands.dy);
    const dBias = site.blank(filters);
    site.kernels.channelSums(dy.at, dBias.at, rows, filters, operands.dy.length / rows / filters);
    expect(difference(dBias.view, paramGradients.bias.data)).toBeLessThan(1e-5);
    site.clear();
  });

  it("is right at the borders of its blocks, in all three passes", () => {
    for (const [rows, shape] of borders) check(site, shape, rows);
  });

  it("is right for any size, stride, padding and alignment to 4 bytes, in all three passes", () => {
    const pair = (min: number, max: number): fc.Arbitrary<[number, number]> =>
      fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 5 }),
      channels: fc.integer({ min: 1, max: 6 }),
      filters: fc.integer({ min: 1, max: 14 }),
      kernel: pair(1, 5),
      more: pair(0, 11),
      stride: pair(1, 3),
      padding: pair(0, 2),
      shift: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(sizes, ({ rows, channels, filters, kernel, more, stride, padding, shift }) => {
        const image = [
          Math.max(1, kernel[0] - 2 * padding[0]) + more[0],
          Math.max(1, kernel[1] - 2 * padding[1]) + more[1],
        ];
        check(site, shapeOf(channels, [image[0] ?? 1, image[1] ?? 1], filters, kernel, stride, padding), rows, shift);
      }),
    );
  });

  it("applies an activation to the sum with the bias, and needs no bias", () => {
    const shape = shapeOf(2, [6, 7], 3, [3, 3], [1, 1], [1, 1]);
    const [x, weight, bias] = [site.vector(values(84, 1)), site.vector(values(54, 2)), site.vector(values(3, 3))];
    const [plain, y] = [site.blank(126), site.blank(126)];
    const scratch = site.blank(convolutionScratchBytes(shape, 1) / 4).at;
    for (const biasAt of [0, bias.at]) {
      site.kernels.convolution(x.at, weight.at, biasAt, plain.at, scratch, 1, shape, "identity");
      for (const activation of ["relu", "tanh", "gelu"] as const) {
        site.kernels.convolution(x.at, weight.at, biasAt, y.at, scratch, 1, shape, activation);
        const expected = site.vector(plain.view);
        site.kernels.activate(expected.at, expected.at, 126, activation);
        expect(y.view).toEqual(expected.view);
      }
    }
    site.clear();
  });
});
