import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";

const anyVector = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { maxLength: 70 });

describe.each(["baseline", "relaxed"] as const)("a reduction of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;

  it("equals float64 within 1e-6 of the sum of magnitudes, for any length", () => {
    fc.assert(
      fc.property(anyVector, fc.nat({ max: 3 }), (values, shift) => {
        const x = site.vector(values, shift);
        const y = site.vector(values.map((value) => 1 - value));
        const n = values.length;
        const total = (f: (value: number, i: number) => number) =>
          values.reduce((sum, value, i) => sum + f(value, i), 0);
        const close = (found: number, f: (value: number, i: number) => number) => {
          // Products of tiny values underflow in float32.
          const bound = 1e-6 * total((value, i) => Math.abs(f(value, i))) + 1e-37;
          expect(Math.abs(found - total(f))).toBeLessThanOrEqual(bound);
        };
        close(kernels.sum(x.at, n), (value) => value);
        close(kernels.dot(x.at, y.at, n), (value, i) => value * (y.view[i] ?? NaN));
        close(kernels.squaredNorm(x.at, n), (value) => value ** 2);
        expect(kernels.maxAbs(x.at, n)).toBe(Math.max(0, ...values.map(Math.abs)));
        expect(kernels.allFinite(x.at, n)).toBe(true);
        site.clear();
      }),
    );
  });

  it("keeps its digits over a million elements", () => {
    const n = 1_000_003;
    const x = site.vector(new Float32Array(n).fill(0.1));
    const tenth = Math.fround(0.1);
    expect(Math.abs(kernels.sum(x.at, n) / (n * tenth) - 1)).toBeLessThan(1e-6);
    expect(Math.abs(kernels.squaredNorm(x.at, n) / (n * tenth * tenth) - 1)).toBeLessThan(1e-6);
    site.clear();
  });

  it("finds a single value that is not finite, wherever it stands, and nothing outside", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9_000 }),
        fc.nat(),
        fc.constantFrom(NaN, Infinity, -Infinity),
        (n, place, bad) => {
          const x = site.vector(new Float32Array(n).fill(3e38));
          expect(kernels.allFinite(x.at, n)).toBe(true);
          x.view[place % n] = bad;
          expect(kernels.allFinite(x.at, n)).toBe(false);
          expect(kernels.maxAbs(x.at, n)).toBe(Math.abs(bad));
          site.clear();
        },
      ),
      { numRuns: 50 },
    );
  });

  it("sums rows in their order, in every column", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 40 }), (rows, columns) => {
        const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i));
        const [x, out] = [site.vector(values), site.blank(columns)];
        kernels.sumRows(x.at, out.at, rows, columns);
        out.view.forEach((value, column) => {
          let sum = 0;
          for (let row = 0; row < rows; row++) sum = Math.fround(sum + (values[row * columns + column] ?? NaN));
          expect(value).toBe(sum);
        });
        site.clear();
      }),
    );
  });
});
