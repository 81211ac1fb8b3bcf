import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite, type KernelSite } from "../../../test/support/kernel-site.ts";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";

interface LossCase {
  readonly name: string;
  readonly options: { readonly labelSmoothing?: number; readonly delta?: number; readonly temperature?: number };
  readonly input: VectorTensor;
  readonly target: VectorTensor;
  readonly loss: number;
  readonly inputGradient: VectorTensor;
}

/** Runs the loss of a case; its gradient is written over its input where the face allows it. */
function run(site: KernelSite, { name, options, input, target }: LossCase): { loss: number; gradient: Float32Array } {
  const { kernels } = site;
  const x = site.vector(input.data);
  const [rows = 1, columns = 1] = input.shape;
  const count = input.data.length;
  if (name.startsWith("softmax-cross-entropy")) {
    const labels = site.integers(target.data);
    return {
      loss: kernels.softmaxCrossEntropy(x.at, labels, x.at, rows, columns, options.labelSmoothing ?? 0),
      gradient: x.view,
    };
  }
  const t = site.vector(target.data);
  if (name === "distillation-kl") {
    return { loss: kernels.distillation(x.at, t.at, x.at, rows, columns, options.temperature ?? 1), gradient: x.view };
  }
  const gradient = site.blank(count);
  const loss =
    name === "huber"
      ? kernels.huber(x.at, t.at, gradient.at, count, options.delta ?? 1)
      : name === "mean-squared-error"
        ? kernels.meanSquaredError(x.at, t.at, gradient.at, count)
        : kernels.binaryCrossEntropy(x.at, t.at, gradient.at, count);
  return { loss, gradient: gradient.view };
}

const cases = loadVectors<{ cases: LossCase[] }>("losses").cases;
const anyFloat = fc.float({ min: -30, max: 30, noNaN: true });
const anyTable = fc
  .record({ rows: fc.integer({ min: 1, max: 9 }), columns: fc.integer({ min: 1, max: 19 }) })
  .chain(({ rows, columns }) => {
    const table = fc.array(anyFloat, { minLength: rows * columns, maxLength: rows * columns });
    const labels = fc.array(fc.integer({ min: 0, max: columns - 1 }), { minLength: rows, maxLength: rows });
    return fc.record({ rows: fc.constant(rows), columns: fc.constant(columns), x: table, t: table, labels });
  });

/** Softmax of row `row` in float64, at a temperature. */
function softmaxRow(x: readonly number[], row: number, columns: number, temperature = 1): number[] {
  const z = x.slice(row * columns, (row + 1) * columns).map((value) => value / temperature);
  const greatest = Math.max(...z);
  const sum = z.reduce((total, value) => total + Math.exp(value - greatest), 0);
  return z.map((value) => Math.exp(value - greatest) / sum);
}

describe.each(["baseline", "relaxed"] as const)("a loss of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;

  it.each(cases)("equals PyTorch's within 1e-5 relative: $name", (reference) => {
    const { loss, gradient } = run(site, reference);
    expect(Math.abs(loss / reference.loss - 1)).toBeLessThan(1e-5);
    // A softmax gradient is a difference of probabilities, each rounded to float32: PyTorch's own differ from float64
    // by up to 1.4e-8 here. So two roundings of a probability near 1, times temperature/rows, comes on top.
    const [rows = 1] = reference.input.shape;
    const rounding = (2 ** -23 * (reference.options.temperature ?? 1)) / rows;
    gradient.forEach((value, i) => {
      const wanted = reference.inputGradient.data[i] ?? NaN;
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-5 * Math.abs(wanted) + rounding);
    });
    site.clear();
  });

  it("of classification equals float64 within 2e-6 for any size, smoothed or not", () => {
    fc.assert(
      fc.property(anyTable, fc.constantFrom(0, 0.1, 0.5), ({ rows, columns, x, labels }, smoothing) => {
        const logits = site.vector(x);
        const gradient = site.blank(x.length);
        const labelsAt = site.integers(labels);
        const loss = kernels.softmaxCrossEntropy(logits.at, labelsAt, gradient.at, rows, columns, smoothing);
        let wanted = 0;
        labels.forEach((label, row) => {
          const z = x.slice(row * columns, (row + 1) * columns);
          const greatest = Math.max(...z);
          const logSum = greatest + Math.log(z.reduce((sum, value) => sum + Math.exp(value - greatest), 0));
          softmaxRow(x, row, columns).forEach((probability, j) => {
            const target = (j === label ? 1 - smoothing : 0) + smoothing / columns;
            wanted += (target * (logSum - (z[j] ?? NaN))) / rows;
            const found = gradient.view[row * columns + j] ?? NaN;
            expect(Math.abs(found - (probability - target) / rows)).toBeLessThan(5e-7 / rows);
          });
        });
        expect(Math.abs(loss - wanted)).toBeLessThan(2e-6 * Math.max(1, wanted));
        site.clear();
      }),
    );
  });

  it("of distillation equals float64 within 1e-5 for any size, and is 0 for equal logits", () => {
    fc.assert(
      fc.property(anyTable, fc.constantFrom(1, 2, 4.5), ({ rows, columns, x, t }, temperature) => {
        const [student, teacher, gradient] = [site.vector(x), site.vector(t), site.blank(x.length)];
        const loss = kernels.distillation(student.at, teacher.at, gradient.at, rows, columns, temperature);
        let wanted = 0;
        for (let row = 0; row < rows; row++) {
          const [p, q] = [softmaxRow(t, row, columns, temperature), softmaxRow(x, row, columns, temperature)];
          p.forEach((probability, j) => {
            const other = q[j] ?? NaN;
            if (probability > 0) wanted += (temperature ** 2 * probability * Math.log(probability / other)) / rows;
            const found = gradient.view[row * columns + j] ?? NaN;
            expect(Math.abs(found - (temperature * (other - probability)) / rows)).toBeLessThan(3e-6 / rows);
          });
        }
        expect(Math.abs(loss - wanted)).toBeLessThan(1e-5 * Math.max(1, wanted));
        const same = kernels.distillation(teacher.at, teacher.at, gradient.at, rows, columns, temperature);
        expect(Math.abs(same)).toBeLessThan(1e-6);
        site.clear();
      }),
    );
  });

  it("of single elements equals float64 within 2e-6 for any count", () => {
    fc.assert(
      fc.property(anyTable, fc.constantFrom(0.25, 1, 8), ({ x, t }, delta) => {
        const count = x.length;
        const targets = t.map((value) => Math.fround((value + 30) / 60));
        const [p, q, binary, gradient] = [site.vector(x), site.vector(t), site.vector(targets), site.blank(count)];
        const mean = (f: (a: number, i: number) => number) => x.reduce((sum, a, i) => sum + f(a, i), 0) / count;
        const compare = (loss: number, wanted: number, slope: (a: number, i: number) => number) => {
          expect(Math.abs(loss - wanted)).toBeLessThanOrEqual(2e-6 * Math.max(1, wanted));
          x.forEach((a, i) => {
            const expected = slope(a, i) / count;
            const error = Math.abs((gradient.view[i] ?? NaN) - expected);
            expect(error).toBeLessThanOrEqual(1e-6 * Math.max(1 / count, Math.abs(expected)));
          });
        };
        const difference = (a: number, i: number) => a - (t[i] ?? NaN);
        compare(
          kernels.meanSquaredError(p.at, q.at, gradient.at, count),
          mean((a, i) => difference(a, i) ** 2),
          (a, i) => 2 * difference(a, i),
        );
        compare(
          kernels.huber(p.at, q.at, gradient.at, count, delta),
          mean((a, i) => {
            const d = Math.abs(difference(a, i));
            return d <= delta ? d ** 2 / 2 : delta * (d - delta / 2);
          }),
          (a, i) => Math.max(-delta, Math.min(delta, difference(a, i))),
        );
        compare(
          kernels.binaryCrossEntropy(p.at, binary.at, gradient.at, count),
          mean((a, i) => Math.max(a, 0) - a * (targets[i] ?? NaN) + Math.log1p(Math.exp(-Math.abs(a)))),
          (a, i) => 1 / (1 + Math.exp(-a)) - (targets[i] ?? NaN),
        );
        site.clear();
      }),
    );
  });

  it("has a softmax that equals float64 within 1e-6, and what float32 loses of x minus the greatest", () => {
    fc.assert(
      fc.property(anyTable, ({ rows, columns, x }) => {
        const y = site.vector(x);
        kernels.softmax(y.at, y.at, rows, columns);
        for (let row = 0; row < rows; row++) {
          const wanted = softmaxRow(x, row, columns);
          wanted.forEach((value, j) => {
            const error = Math.abs((y.view[row * columns + j] ?? NaN) - value);
            const depth = Math.max(...x.slice(row * columns, (row + 1) * columns)) - (x[row * columns + j] ?? NaN);
            expect(error).toBeLessThan((1e-6 + depth * 2 ** -23) * value);
          });
        }
        site.clear();
      }),
    );
  });

  it("finds the first greatest element of each row", () => {
    const x = site.vector([1, 3, 3, -1, -2, -1, 5, 5, 5]);
    const out = site.integers([9, 9, 9]);
    kernels.argmaxRows(x.at, out, 3, 3);
    expect([...new Int32Array(site.memory.memory.buffer, out, 3)]).toEqual([1, 0, 0]);
    site.clear();
  });
});
