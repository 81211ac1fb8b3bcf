import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
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
};

/** Derivative by x, in float64. */
const slope: Readonly<Record<Activation, (x: number) => number>> = {
  identity: () => 1,
  relu: (x) => (x > 0 ? 1 : 0),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  sigmoid: (x) => reference.sigmoid(x) * (1 - reference.sigmoid(x)),
  gelu: (x) => normalDistribution(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
};

/** Greatest error in units of the last place, exact in float64; for identity and relu nothing is rounded. */
const ulpBound: Readonly<Record<Exclude<Activation, "gelu">, number>> = { identity: 0, relu: 0, tanh: 2, sigmoid: 3 };

const names = Object.keys(reference) as Activation[];
/** Dense near 0 and out to where all saturate; 80,003 values, so that the last group is not whole. */
const inputs = Float32Array.from({ length: 80_003 }, (_, i) => Math.sinh((i - 40_001) / 8_800) * 2);

const leastNormal = 2 ** -126;

/** Distance of neighbouring float32 numbers at x, for normal x. */
function ulp(x: number): number {
  return 2 ** (Math.floor(Math.log2(Math.max(Math.abs(x), leastNormal))) - 23);
}

describe.each(["baseline", "relaxed"] as const)("an activation of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;

  it.each(["identity", "relu", "tanh", "sigmoid"] as const)("is within its bound in ulp of float64: %s", (name) => {
    const [x, y] = [site.vector(inputs), site.blank(inputs.length)];
    kernels.activate(x.at, y.at, inputs.length, name);
    let worst = 0;
    inputs.forEach((input, i) => {
      const wanted = reference[name](input);
      // What would be denormal is flushed to zero.
      if (name === "sigmoid" && wanted < leastNormal) expect(y.view[i]).toBeLessThanOrEqual(leastNormal);
      else worst = Math.max(worst, Math.abs((y.view[i] ?? NaN) - wanted) / ulp(wanted));
    });
    expect(worst).toBeLessThanOrEqual(ulpBound[name]);
    site.clear();
  });

  it("has an exponential within 2 ulp of float64 and flushes what would be denormal", () => {
    // Below −17 the logistic function is e^x to the last bit, because 1 + e^x rounds to 1.
    const x = Float32Array.from({ length: 20_001 }, (_, i) => -17.4 - (i * 72) / 20_000);
    const y = site.vector(x);
    kernels.activate(y.at, y.at, x.length, "sigmoid");
    let worst = 0;
    x.forEach((input, i) => {
      const wanted = Math.exp(input);
      if (wanted < leastNormal) expect(y.view[i]).toBeLessThanOrEqual(leastNormal);
      else worst = Math.max(worst, Math.abs((y.view[i] ?? NaN) - wanted) / ulp(wanted));
    });
    expect(worst).toBeLessThanOrEqual(2);
    site.clear();
  });

  it("is within 3e-7·max(1, |x|) of float64: gelu", () => {
    const [x, y] = [site.vector(inputs), site.blank(inputs.length)];
    kernels.activate(x.at, y.at, inputs.length, "gelu");
    let worst = 0;
    inputs.forEach((input, i) => {
      worst = Math.max(worst, Math.abs((y.view[i] ?? NaN) - reference.gelu(input)) / Math.max(1, Math.abs(input)));
    });
    expect(worst).toBeLessThanOrEqual(3e-7);
    site.clear();
  });

  it("has the derivative of its function within 1e-6", () => {
    for (const name of names) {
      const x = site.vector(inputs);
      const y = site.blank(inputs.length);
      kernels.activate(x.at, y.at, inputs.length, name);
      const dy = site.vector(new Float32Array(inputs.length).fill(0.5));
      kernels.activateGradient(name === "gelu" ? x.at : y.at, dy.at, dy.at, inputs.length, name);
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
