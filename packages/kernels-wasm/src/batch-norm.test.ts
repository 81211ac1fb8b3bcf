import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";

interface NormCase {
  readonly name: string;
  readonly options: { readonly eps: number };
  readonly inputs: readonly VectorTensor[];
  readonly params: Readonly<Record<"weight" | "bias", VectorTensor>>;
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly inputGradients: readonly VectorTensor[];
  readonly paramGradients: Readonly<Record<"weight" | "bias", VectorTensor>>;
}

interface Problem {
  readonly rows: number;
  readonly channels: number;
  readonly positions: number;
  readonly epsilon: number;
  readonly x: ArrayLike<number>;
  readonly dy: ArrayLike<number>;
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

interface Answer {
  readonly y: ArrayLike<number>;
  readonly mean: ArrayLike<number>;
  readonly variance: ArrayLike<number>;
  readonly dx: ArrayLike<number>;
  readonly dWeight: ArrayLike<number>;
  readonly dBias: ArrayLike<number>;
}

const names = ["y", "mean", "variance", "dx", "dWeight", "dBias"] as const;

/** The definition and the derivative of it in float64, one channel after the other. */
function reference(problem: Problem): Answer {
  const { rows, channels, positions, epsilon, x, dy } = problem;
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  const [mean, variance, dWeight, dBias] = [0, 0, 0, 0].map(() => new Float64Array(channels)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const count = rows * positions;
  for (let c = 0; c < channels; c++) {
    const at = Array.from({ length: count }, (_, i) => {
      return (Math.floor(i / positions) * channels + c) * positions + (i % positions);
    });
    const total = (of: (i: number) => number): number => at.reduce((sum, i) => sum + of(i), 0);
    const middle = total((i) => x[i] ?? NaN) / count;
    const spread = total((i) => ((x[i] ?? NaN) - middle) ** 2) / count;
    const inverse = 1 / Math.sqrt(spread + epsilon);
    const weight = problem.weight[c] ?? NaN;
    const slopeOfBias = total((i) => dy[i] ?? NaN);
    const slopeOfWeight = total((i) => (dy[i] ?? NaN) * ((x[i] ?? NaN) - middle) * inverse);
    for (const i of at) {
      const normal = ((x[i] ?? NaN) - middle) * inverse;
      y[i] = normal * weight + (problem.bias[c] ?? NaN);
      dx[i] = weight * inverse * ((dy[i] ?? NaN) - slopeOfBias / count - (normal * slopeOfWeight) / count);
    }
    [mean[c], variance[c], dWeight[c], dBias[c]] = [middle, spread, slopeOfWeight, slopeOfBias];
  }
  return { y, mean, variance, dx, dWeight, dBias };
}

const site = createKernelSite("baseline");

function run(problem: Problem, shift = 0): Answer {
  const { kernels } = site;
  const { rows, channels, positions, epsilon } = problem;
  const [x, dy] = [site.vector(problem.x, shift), site.vector(problem.dy, shift)];
  const [weight, bias] = [site.vector(problem.weight, shift), site.vector(problem.bias, shift)];
  const [y, dx] = [site.blank(x.view.length, shift), site.blank(x.view.length, shift)];
  const [mean, variance] = [site.blank(channels, shift), site.blank(channels, shift)];
  const [dWeight, dBias] = [site.blank(channels, shift), site.blank(channels, shift)];
  const sizes = [rows, channels, positions] as const;
  kernels.channelMoments(x.at, mean.at, variance.at, ...sizes);
  kernels.batchNorm(x.at, weight.at, bias.at, mean.at, variance.at, y.at, ...sizes, epsilon);
  const moments = [mean.at, variance.at] as const;
  kernels.batchNormGradient(x.at, dy.at, weight.at, ...moments, dx.at, dWeight.at, dBias.at, ...sizes, epsilon);
  const views = { y, mean, variance, dx, dWeight, dBias };
  const answer = Object.fromEntries(names.map((name) => [name, views[name].view.slice()])) as unknown as Answer;
  site.clear();
  return answer;
}

/** Greatest difference, in units of the greatest expected magnitude (at least 1); NaN is not within any bound. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [worst, magnitude] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    magnitude = Math.max(magnitude, Math.abs(expected[i] ?? NaN));
    worst = Math.max(worst, Math.abs((actual[i] ?? NaN) - (expected[i] ?? NaN)));
  }
  return actual.length === expected.length ? worst / magnitude : NaN;
}

function problemOf(rows: number, channels: number, positions: number, seed: number, middle = 0): Problem {
  let state = seed >>> 0 || 1;
  const draw = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  };
  const some = (count: number, shift = 0): Float32Array => Float32Array.from({ length: count }, () => draw() + shift);
  const size = rows * channels * positions;
  const [x, dy, weight, bias] = [some(size, middle), some(size), some(channels), some(channels)];
  return { rows, channels, positions, epsilon: 1e-5, x, dy, weight, bias };
}

describe("batch norm", () => {
  it("computes the reference vectors of images", () => {
    const cases = loadVectors<{ readonly cases: readonly NormCase[] }>("layers").cases;
    const golden = cases.find(({ name }) => name === "batchnorm2d-train");
    if (golden === undefined) throw new Error("no vector batchnorm2d-train");
    const [rows = 0, channels = 0, height = 0, width = 0] = golden.inputs[0]?.shape ?? [];
    const actual = run({
      rows,
      channels,
      positions: height * width,
      epsilon: golden.options.eps,
      x: golden.inputs[0]?.data ?? [],
      dy: golden.upstream.data,
      weight: golden.params.weight.data,
      bias: golden.params.bias.data,
    });
    // 1e-5: sums of 75 values.
    expect(difference(actual.y, golden.output.data)).toBeLessThan(1e-5);
    expect(difference(actual.dx, golden.inputGradients[0]?.data ?? [])).toBeLessThan(1e-5);
    expect(difference(actual.dWeight, golden.paramGradients.weight.data)).toBeLessThan(1e-5);
    expect(difference(actual.dBias, golden.paramGradients.bias.data)).toBeLessThan(1e-5);
  });

  it("is right for images and features of any size and alignment to 4 bytes", () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 4, max: 20 }),
      channels: fc.integer({ min: 1, max: 11 }),
      positions: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 23 })),
      shift: fc.integer({ min: 0, max: 3 }),
      seed: fc.integer({ min: 1, max: 2 ** 30 }),
    });
    fc.assert(
      fc.property(sizes, ({ rows, channels, positions, shift, seed }) => {
        const problem = problemOf(rows, channels, positions, seed);
        const [actual, expected] = [run(problem, shift), reference(problem)];
        // Sums are float64; what is left is the rounding of a few operations, magnified by 1/√variance where four
        // values happen to lie close together.
        for (const name of names) expect(difference(actual[name], expected[name]), name).toBeLessThan(1e-4);
      }),
    );
  });

  it("loses no digits when the mean is far from zero", () => {
    for (const positions of [1, 36]) {
      const problem = problemOf(500, 3, positions, 7, 4096);
      const [actual, expected] = [run(problem), reference(problem)];
      // The mean is right to half a unit in its last place (2^-13 of 0.58, the deviation), which shifts all of y.
      expect(difference(actual.variance, expected.variance)).toBeLessThan(1e-6);
      expect(difference(actual.y, expected.y)).toBeLessThan(5e-4);
    }
  });

  it("scales by other moments without a shift, in place", () => {
    const x = site.vector([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const [weight, variance] = [site.vector([2, 3, 4, 5, 6]), site.vector([3, 3, 15, 15, 0])];
    site.kernels.batchNorm(x.at, weight.at, 0, 0, variance.at, x.at, 2, 5, 1, 1);
    expect([...x.view]).toEqual([1, 3, 3, 5, 30, 6, 10.5, 8, 11.25, 60]);
    site.clear();
  });

  it("writes no gradient by its input where none is wanted, and may write it over the upstream one", () => {
    const problem = problemOf(6, 5, 9, 11);
    const sizes = [6, 5, 9] as const;
    const [x, dy, weight] = [site.vector(problem.x), site.vector(problem.dy), site.vector(problem.weight)];
    const [mean, variance, dWeight, dBias] = [site.blank(5), site.blank(5), site.blank(5), site.blank(5)];
    site.kernels.channelMoments(x.at, mean.at, variance.at, ...sizes);
    const expected = reference(problem);
    for (const dx of [0, dy.at]) {
      site.kernels.batchNormGradient(
        x.at,
        dy.at,
        weight.at,
        mean.at,
        variance.at,
        dx,
        dWeight.at,
        dBias.at,
        ...sizes,
        1e-5,
      );
      expect(difference(dWeight.view, expected.dWeight)).toBeLessThan(1e-5);
    }
    expect(difference(dy.view, expected.dx)).toBeLessThan(1e-5);
    site.clear();
  });
});
