import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";
import { derivativeReadsInput } from "./activation-codes.ts";
import type { Activation } from "./families/activations.ts";

/** erf by its Maclaurin series, or by the continued fraction of erfc where that converges: a second implementation. */
function normalDistribution(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  let upper: number;
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 200; n++) {
      term *= -(z * z) / n;
      sum += term / (2 * n + 1);
    }
    upper = (1 - (2 / Math.sqrt(Math.PI)) * sum) / 2;
  } else {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
    upper = Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction) / 2;
  }
  return x > 0 ? 1 - upper : upper;
}

const reference: Readonly<Record<Activation, (x: number) => number>> = {
  identity: (x) => x,
  relu: (x) => Math.max(x, 0),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  gelu: (x) => x * normalDistribution(x),
  leaky_relu: (x) => (x > 0 ? x : Math.fround(0.01) * x),
  gelu_tanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x / (1 + Math.exp(-x)),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
};

/** Derivative by x, in float64. */
const slope: Readonly<Record<Activation, (x: number) => number>> = {
  identity: () => 1,
  relu: (x) => (x > 0 ? 1 : 0),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  sigmoid: (x) => reference.sigmoid(x) * (1 - reference.sigmoid(x)),
  gelu: (x) => normalDistribution(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  leaky_relu: (x) => (x > 0 ? 1 : 0.01),
  gelu_tanh(x) {
    const tanh = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
    return (1 + tanh) / 2 + (x / 2) * (1 - tanh ** 2) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x ** 2);
  },
  silu: (x) => reference.sigmoid(x) * (1 + x * (1 - reference.sigmoid(x))),
  softplus: (x) => reference.sigmoid(x),
};

/**
 * Greatest error in units of the last place, exact in float64; for identity and relu nothing is rounded, for leaky_relu
 * once. Softplus adds the errors of an exponential and a logarithm.
 */
const ulpBound = {
  identity: 0,
  relu: 0,
  leaky_relu: 0.5,
  tanh: 1.5,
  sigmoid: 2.5,
  softplus: 3,
} as const;
type Bounded = keyof typeof ulpBound;

/** What a product of x and a rounded exponent may lose, relative to max(1, |x|). */
const absoluteBound = { gelu: 3e-7, gelu_tanh: 3e-7, silu: 3e-7 } as const;
type Absolute = keyof typeof absoluteBound;

const names = Object.keys(reference) as Activation[];
/** Dense near 0 and out to where all saturate; 80,003 values, so that the last group is not whole. */
const inputs = Float32Array.from({ length: 80_003 }, (_, i) => Math.sinh((i - 40_001) / 8_800) * 2);

interface ActivationCase {
  readonly name: string;
  readonly inputs: readonly [VectorTensor];
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly inputGradients: readonly [VectorTensor];
}

const goldenNames = ["relu", "leaky-relu", "gelu", "gelu-tanh", "silu", "tanh", "sigmoid", "softplus"];
const golden = loadVectors<{ readonly cases: readonly ActivationCase[] }>("layers").cases;

function goldenCase(name: string): ActivationCase {
  const found = golden.find((each) => each.name === name);
  if (found === undefined) throw new Error(`layers.json has no case ${name}`);
  return found;
}

const leastNormal = 2 ** -126;

/** Distance of neighbouring float32 numbers at x, for normal x. */
function ulp(x: number): number {
  return 2 ** (Math.floor(Math.log2(Math.max(Math.abs(x), leastNormal))) - 23);
}

describe.each(["baseline", "relaxed"] as const)("an activation of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;

  it.each(Object.keys(ulpBound) as Bounded[])("is within its bound in ulp of float64: %s", (name) => {
    const [x, y] = [site.vector(inputs), site.blank(inputs.length)];
    kernels.activate(x.at, y.at, inputs.length, name);
    let worst = 0;
    inputs.forEach((input, i) => {
      const wanted = reference[name](input);
      // What would be denormal is flushed to zero.
      if ((name === "sigmoid" || name === "softplus") && wanted < leastNormal) {
        if ((y.view[i] ?? NaN) > leastNormal) worst = Infinity;
      } else worst = Math.max(worst, Math.abs((y.view[i] ?? NaN) - wanted) / ulp(wanted));
    });
    expect(worst).toBeLessThanOrEqual(ulpBound[name]);
    site.clear();
  });

  it("has an exponential within 1 ulp of float64 over its whole range, 0 below and infinity above", () => {
    const count = 1_000_003;
    const x = Float32Array.from({ length: count }, (_, i) => -104 + (i * (88.3 + 104)) / (count - 1));
    const [from, y] = [site.vector(x), site.blank(count)];
    kernels.exponentials(from.at, y.at, count);
    let worst = 0;
    x.forEach((input, i) => {
      const wanted = Math.exp(input);
      if (input < -87.336) worst = Math.max(worst, (y.view[i] ?? NaN) <= leastNormal * 1.001 ? 0 : Infinity);
      else worst = Math.max(worst, Math.abs((y.view[i] ?? NaN) - wanted) / ulp(wanted));
    });
    expect(worst).toBeLessThanOrEqual(1);
    const edges = site.vector([-Infinity, Infinity, NaN, 0, 88.5, 1e30]);
    kernels.exponentials(edges.at, edges.at, 6);
    expect([...edges.view]).toEqual([0, Infinity, NaN, 1, Infinity, Infinity]);
    site.clear();
  });

  it.each(Object.keys(absoluteBound) as Absolute[])("is within 3e-7·max(1, |x|) of float64: %s", (name) => {
    const [x, y] = [site.vector(inputs), site.blank(inputs.length)];
    kernels.activate(x.at, y.at, inputs.length, name);
    let worst = 0;
    inputs.forEach((input, i) => {
      worst = Math.max(worst, Math.abs((y.view[i] ?? NaN) - reference[name](input)) / Math.max(1, Math.abs(input)));
    });
    expect(worst).toBeLessThanOrEqual(absoluteBound[name]);
    site.clear();
  });

  it.each(goldenNames)("equals PyTorch's within 1e-5 relative, and so does its gradient: %s", (golden) => {
    const {
      inputs: [input],
      output,
      upstream,
      inputGradients,
    } = goldenCase(golden);
    const name = golden.replace("-", "_") as Activation;
    const count = output.data.length;
    const [x, y, dy] = [site.vector(input.data), site.blank(count), site.vector(upstream.data)];
    kernels.activate(x.at, y.at, count, name);
    kernels.activateGradient(derivativeReadsInput(name) ? x.at : y.at, dy.at, dy.at, count, name);
    for (const [view, wanted] of [
      [y.view, output],
      [dy.view, inputGradients[0]],
    ] as const) {
      // Absolute, 3e-7 times upstream values of up to 3: PyTorch's gelu_tanh takes 1 + tanh where that cancels, and
      // derivatives cross zero.
      view.forEach((value, i) => {
        const expected = wanted.data[i] ?? NaN;
        expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-5 * Math.abs(expected) + 9e-7);
      });
    }
    site.clear();
  });

  it("has the derivative of its function within 1e-6", () => {
    for (const name of names) {
      const x = site.vector(inputs);
      const y = site.blank(inputs.length);
      kernels.activate(x.at, y.at, inputs.length, name);
      const dy = site.vector(new Float32Array(inputs.length).fill(0.5));
      kernels.activateGradient(derivativeReadsInput(name) ? x.at : y.at, dy.at, dy.at, inputs.length, name);
      let worst = 0;
      inputs.forEach((input, i) => {
        worst = Math.max(worst, Math.abs((dy.view[i] ?? NaN) - slope[name](input) / 2));
      });
      expect(worst, name).toBeLessThan(1e-6);
      site.clear();
    }
  });

  it("saturates at infinities and keeps NaN", () => {
    const extremes = [-Infinity, Infinity, NaN, -1e30, 1e30];
    const wanted = {
      relu: [0, Infinity, NaN, 0, Math.fround(1e30)],
      tanh: [-1, 1, NaN, -1, 1],
      sigmoid: [0, 1, NaN, 0, 1],
      leaky_relu: [-Infinity, Infinity, NaN, Math.fround(Math.fround(-1e30) * Math.fround(0.01)), Math.fround(1e30)],
      softplus: [0, Infinity, NaN, 0, Math.fround(1e30)],
    };
    for (const [name, values] of Object.entries(wanted)) {
      const y = site.vector(extremes);
      kernels.activate(y.at, y.at, extremes.length, name as Activation);
      expect([...y.view], name).toEqual(values);
      site.clear();
    }
  });

  it("is the same fused with the bias of a layer", () => {
    for (const name of names) {
      for (const [rows, columns] of [
        [1, 1],
        [3, 10],
        [2, 16],
        [5, 7],
      ] as const) {
        const data = inputs.subarray(40_000 - rows * columns, 40_000);
        const bias = site.vector(Float32Array.from({ length: columns }, (_, j) => j / 7 - 1));
        const [fused, plain] = [site.vector(data), site.vector(data)];
        kernels.addBiasActivate(fused.at, bias.at, rows, columns, name);
        for (let row = 0; row < rows; row++) kernels.axpy(bias.at, plain.at + row * columns * 4, columns, 1);
        kernels.activate(plain.at, plain.at, rows * columns, name);
        expect(fused.view).toEqual(plain.view);
        site.clear();
      }
    }
  });
});
