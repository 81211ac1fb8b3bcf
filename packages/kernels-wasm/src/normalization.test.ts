import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite, type KernelSite } from "../../../test/support/kernel-site.ts";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";

interface Norm {
  readonly kind: "layer" | "rms";
  readonly rows: number;
  readonly columns: number;
  readonly epsilon: number;
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly bias: readonly number[];
  readonly dy: readonly number[];
}

interface Result {
  readonly y: ArrayLike<number>;
  readonly dx: ArrayLike<number>;
  readonly dWeight: ArrayLike<number>;
  readonly dBias: ArrayLike<number>;
}

/** The norm and its gradients by their formulas, in float64. */
function reference({ kind, rows, columns, epsilon, x, weight, bias, dy }: Norm): Result {
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  const [dWeight, dBias] = [new Float64Array(columns), new Float64Array(columns)];
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / columns;
  for (let row = 0; row < rows; row++) {
    const own = x.slice(row * columns, (row + 1) * columns);
    const slope = dy.slice(row * columns, (row + 1) * columns);
    const centre = kind === "layer" ? mean(own) : 0;
    const inverse = 1 / Math.sqrt(mean(own.map((value) => (value - centre) ** 2)) + epsilon);
    const normal = own.map((value) => (value - centre) * inverse);
    const g = slope.map((value, j) => value * (weight[j] ?? NaN));
    const along = mean(g.map((value, j) => value * (normal[j] ?? NaN)));
    const level = kind === "layer" ? mean(g) : 0;
    normal.forEach((value, j) => {
      y[row * columns + j] = value * (weight[j] ?? NaN) + (kind === "layer" ? (bias[j] ?? NaN) : 0);
      dx[row * columns + j] = inverse * ((g[j] ?? NaN) - level - value * along);
      dWeight[j] = (dWeight[j] ?? NaN) + (slope[j] ?? NaN) * value;
      dBias[j] = (dBias[j] ?? NaN) + (slope[j] ?? NaN);
    });
  }
  return { y, dx, dWeight, dBias };
}

function run(site: KernelSite, norm: Norm): Result {
  const { kernels } = site;
  const { kind, rows, columns, epsilon } = norm;
  const [x, weight, bias, dy] = [norm.x, norm.weight, norm.bias, norm.dy].map((values) => site.vector(values, 1).at);
  const [y, dx] = [site.blank(norm.x.length), site.blank(norm.x.length)];
  const [means, inverses] = [site.blank(rows), site.blank(rows)];
  const [dWeight, dBias] = [site.blank(columns), site.blank(columns)];
  if (x === undefined || weight === undefined || bias === undefined || dy === undefined)
    throw new Error("four vectors");
  if (kind === "layer") {
    kernels.layerNorm(x, weight, bias, y.at, means.at, inverses.at, rows, columns, epsilon);
    kernels.layerNormGradient(
      ...([x, weight, means.at, inverses.at, dy, dx.at, dWeight.at, dBias.at, rows, columns] as const),
    );
  } else {
    kernels.rmsNorm(x, weight, y.at, inverses.at, rows, columns, epsilon);
    kernels.rmsNormGradient(x, weight, inverses.at, dy, dx.at, dWeight.at, rows, columns);
  }
  return { y: y.view, dx: dx.view, dWeight: dWeight.view, dBias: kind === "layer" ? dBias.view : [] };
}

const anyNorm = fc
  .record({
    kind: fc.constantFrom("layer" as const, "rms" as const),
    rows: fc.integer({ min: 1, max: 7 }),
    columns: fc.integer({ min: 2, max: 45 }),
    shift: fc.constantFrom(0, 0, 100),
  })
  .chain(({ kind, rows, columns, shift }) => {
    const numbers = (length: number, offset = 0) =>
      fc.array(
        fc.float({ min: -4, max: 4, noNaN: true }).map((value) => Math.fround(value + offset)),
        { minLength: length, maxLength: length },
      );
    return fc.record({
      kind: fc.constant(kind),
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      epsilon: fc.constant(0.5),
      x: numbers(rows * columns, shift),
      weight: numbers(columns),
      bias: numbers(columns),
      dy: numbers(rows * columns),
    });
  });

interface NormCase {
  readonly name: string;
  readonly options: { readonly eps: number };
  readonly inputs: readonly [VectorTensor];
  readonly params: { readonly weight: VectorTensor; readonly bias?: VectorTensor };
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly inputGradients: readonly [VectorTensor];
  readonly paramGradients: { readonly weight: VectorTensor; readonly bias?: VectorTensor };
}

const golden = loadVectors<{ readonly cases: readonly NormCase[] }>("layers").cases.filter(
  ({ name }) => name === "layernorm" || name === "rmsnorm",
);

describe.each(["baseline", "relaxed"] as const)("a norm of the %s kernels", (build) => {
  const site = createKernelSite(build);

  it.each(golden)("equals PyTorch's within 1e-5, with all its gradients: $name", (wanted) => {
    const [rows = 1, columns = 1] = wanted.output.shape;
    const found = run(site, {
      ...{ kind: wanted.name === "layernorm" ? "layer" : "rms", rows, columns, epsilon: wanted.options.eps },
      ...{ x: wanted.inputs[0].data, weight: wanted.params.weight.data, dy: wanted.upstream.data },
      bias: wanted.params.bias?.data ?? new Array<number>(columns).fill(0),
    });
    const compare = (values: ArrayLike<number>, expected: readonly number[]): void => {
      expected.forEach((value, i) => {
        // Absolute besides: differences of values near 1, each rounded to half a last place of 1.
        expect(Math.abs((values[i] ?? NaN) - value)).toBeLessThanOrEqual(1e-5 * Math.abs(value) + 1e-6);
      });
    };
    compare(found.y, wanted.output.data);
    compare(found.dx, wanted.inputGradients[0].data);
    compare(found.dWeight, wanted.paramGradients.weight.data);
    compare(found.dBias, wanted.paramGradients.bias?.data ?? []);
    site.clear();
  });

  it("equals float64 for any size, also far from zero", () => {
    fc.assert(
      fc.property(anyNorm, (norm) => {
        const [found, wanted] = [run(site, norm), reference(norm)];
        // A value near 100 has half a last place of 4e-6, which 1/√(variance + ½) enlarges at most 1.5-fold, and
        // weights and slopes of up to 4 and sums over 7 rows further; RMS norm divides by 100.
        const tolerance = norm.x.some((value) => Math.abs(value) > 50) ? 1e-3 : 3e-5;
        for (const key of ["y", "dx", "dWeight", "dBias"] as const) {
          Array.from(found[key]).forEach((value, i) => {
            const expected = wanted[key][i] ?? NaN;
            expect(Math.abs(value - expected), key).toBeLessThanOrEqual(tolerance * (1 + Math.abs(expected)));
          });
        }
        site.clear();
      }),
    );
  });

  it("writes no gradient that is not wanted, and dx over dy where asked", () => {
    const [x, w, b] = [site.vector([1, 2, 3, 4, 5]), site.vector([1, 1, 1, 1, 1]), site.vector([0, 0, 0, 0, 0])];
    const [y, means, inverses] = [site.blank(5), site.blank(1), site.blank(1)];
    const { kernels } = site;
    kernels.layerNorm(x.at, w.at, b.at, y.at, means.at, inverses.at, 1, 5, 1e-5);
    const [dy, dx] = [site.vector([1, 0, 0, 0, 0]), site.blank(5)];
    const [dW, dB] = [site.blank(5), site.blank(5)];
    kernels.layerNormGradient(x.at, w.at, means.at, inverses.at, dy.at, dx.at, 0, dB.at, 1, 5);
    expect([...dB.view]).toEqual([NaN, NaN, NaN, NaN, NaN]);
    kernels.layerNormGradient(x.at, w.at, means.at, inverses.at, dy.at, 0, dW.at, dB.at, 1, 5);
    expect([...dB.view]).toEqual([1, 0, 0, 0, 0]);
    kernels.layerNormGradient(x.at, w.at, means.at, inverses.at, dy.at, dy.at, 0, 0, 1, 5);
    expect([...dy.view]).toEqual([...dx.view]);
    site.clear();
  });
});
