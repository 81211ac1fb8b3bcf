import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { createOptimizer, type OptimizerSpec } from "./index.ts";

/** One layer of a second implementation in float64, written from the papers. */
type Reference = (w: number[], gradient: readonly number[], step: number, learningRate: number) => void;

const norm = (values: readonly number[]): number => Math.hypot(...values);

function lamb(size: number, [beta1, beta2]: readonly [number, number], epsilon: number, decay: number): Reference {
  const m = new Array<number>(size).fill(0);
  const v = new Array<number>(size).fill(0);
  return (w, gradient, step, learningRate) => {
    const direction = w.map((value, i) => {
      const g = gradient[i] ?? NaN;
      m[i] = beta1 * (m[i] ?? NaN) + (1 - beta1) * g;
      v[i] = beta2 * (v[i] ?? NaN) + (1 - beta2) * g * g;
      const unbiased = (m[i] ?? NaN) / (1 - beta1 ** step);
      return unbiased / (Math.sqrt((v[i] ?? NaN) / (1 - beta2 ** step)) + epsilon) + decay * value;
    });
    const [values, length] = [norm(w), norm(direction)];
    const ratio = values > 0 && length > 0 ? values / length : 1;
    direction.forEach((u, i) => (w[i] = (w[i] ?? NaN) - learningRate * ratio * u));
  };
}

function lars(size: number, momentum: number, decay: number, trust: number): Reference {
  const u = new Array<number>(size).fill(0);
  return (w, gradient, _step, learningRate) => {
    const [values, length] = [norm(w), norm(gradient)];
    const local = values > 0 && length > 0 ? (trust * values) / (length + decay * values) : 1;
    w.forEach((value, i) => {
      u[i] = momentum * (u[i] ?? NaN) + learningRate * local * ((gradient[i] ?? NaN) + decay * value);
      w[i] = value - (u[i] ?? NaN);
    });
  };
}

function ftrl(size: number, beta: number, l1: number, l2: number): Reference {
  const z = new Array<number>(size).fill(0);
  const n = new Array<number>(size).fill(0);
  return (w, gradient, _step, alpha) => {
    w.forEach((value, i) => {
      const g = gradient[i] ?? NaN;
      const before = n[i] ?? NaN;
      if (before === 0 && g === 0) return;
      if (before === 0) z[i] = -(beta / alpha + l2) * value - Math.sign(value) * l1;
      const after = before + g * g;
      const linear = (z[i] ?? NaN) + g - ((Math.sqrt(after) - Math.sqrt(before)) / alpha) * value;
      z[i] = linear;
      n[i] = after;
      const excess = linear - Math.sign(linear) * l1;
      w[i] = Math.abs(linear) <= l1 ? 0 : -excess / ((beta + Math.sqrt(after)) / alpha + l2);
    });
  };
}

const cases: readonly [OptimizerSpec, (size: number) => Reference][] = [
  [{ name: "lamb" }, (size) => lamb(size, [0.9, 0.999], 1e-6, 0.01)],
  [{ name: "lamb", betas: [0.5, 0.9], epsilon: 0.01, weightDecay: 0 }, (size) => lamb(size, [0.5, 0.9], 0.01, 0)],
  [{ name: "lars" }, (size) => lars(size, 0.9, 0.0005, 0.001)],
  [{ name: "lars", momentum: 0, weightDecay: 0.1, trust: 0.1 }, (size) => lars(size, 0, 0.1, 0.1)],
  [{ name: "ftrl" }, (size) => ftrl(size, 1, 0, 0)],
  [{ name: "ftrl", beta: 0.5, l1: 0.3, l2: 0.1 }, (size) => ftrl(size, 0.5, 0.3, 0.1)],
];

/** Nothing between 0 and 1e-6: the square of less vanishes in float32. */
const anyValues = (size: number): fc.Arbitrary<number[]> =>
  fc
    .array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: size, maxLength: size })
    .map((values) => values.map((value) => (Math.abs(value) < 1e-6 ? 0 : value)));

describe.each(["baseline", "relaxed"] as const)("layer-wise and proximal optimisers on the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels, memory } = site;

  it.each(cases)("follow the paper's equations in float64: %j", (spec, createReference) => {
    const anyRun = fc
      .integer({ min: 1, max: 70 })
      .chain((size) =>
        fc.record({ values: anyValues(size), gradients: fc.array(anyValues(size), { minLength: 1, maxLength: 5 }) }),
      );
    fc.assert(
      fc.property(anyRun, ({ values, gradients }) => {
        const size = values.length;
        const w = site.vector(values);
        const expected = [...values];
        const reference = createReference(size);
        const optimizer = createOptimizer(spec, { size, kernels, memory });
        gradients.forEach((gradient, i) => {
          optimizer.step(w.at, site.vector(gradient).at, 0.05);
          reference(expected, gradient, i + 1, 0.05);
        });
        optimizer.dispose();
        w.view.forEach((value, i) => {
          // Five steps of a dozen roundings each; beside the greatest terms, which are about (beta/α)·|w| ≤ 40 for z.
          expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThanOrEqual(2e-5 * Math.max(Math.abs(value), 0.5));
        });
        site.clear();
      }),
    );
  });

  it("moves a layer at zero, and stays at zero where L1 says so", () => {
    const step = (spec: OptimizerSpec, values: number[], gradient: number[]): number[] => {
      const w = site.vector(values);
      const optimizer = createOptimizer(spec, { size: values.length, kernels, memory });
      optimizer.step(w.at, site.vector(gradient).at, 0.5);
      optimizer.dispose();
      const result = [...w.view];
      site.clear();
      return result;
    };
    expect(step({ name: "lars", weightDecay: 0 }, [0, 0], [1, -2])).toEqual([-0.5, 1]);
    expect(step({ name: "lamb", epsilon: 0 }, [0, 0, 0, 0, 0], [1, -2, 3, -4, 5])).toEqual([
      -0.5, 0.5, -0.5, 0.5, -0.5,
    ]);
    // z = g, and w = −(z − sign(z)·l1) / ((1 + |g|)/0.5): by hand.
    expect(step({ name: "ftrl", l1: 1 }, [0, 0, 0], [0.75, -3, 1])).toEqual([0, 0.25, 0]);
    expect(step({ name: "ftrl", l1: 1 }, [0.25, 0], [0, 0])).toEqual([0.25, 0]);
  });

  it("follows learning rates of 0 without losing the values it began with", () => {
    const w = site.vector([1, -2]);
    const g = site.vector([0.5, 0.5]);
    const optimizer = createOptimizer({ name: "ftrl" }, { size: 2, kernels, memory });
    optimizer.step(w.at, g.at, 0);
    expect([...w.view]).toEqual([1, -2]);
    optimizer.step(w.at, g.at, 0.001);
    w.view.forEach((value, i) => expect(Math.abs(value - (i === 0 ? 1 : -2))).toBeLessThan(0.001));
    optimizer.dispose();
    site.clear();
  });
});
