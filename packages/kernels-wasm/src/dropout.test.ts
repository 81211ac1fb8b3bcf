import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";

/** Philox4×32-10 with whole 64-bit products: a second implementation. */
function philox(counter: readonly number[], seed: number): readonly number[] {
  let [c0 = 0n, c1 = 0n, c2 = 0n, c3 = 0n] = counter.map(BigInt);
  let [k0, k1] = [BigInt(seed) & 0xffffffffn, BigInt(seed) >> 32n];
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [c0 * 0xd2511f53n, c2 * 0xcd9e8d57n];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & 0xffffffffn, (p0 >> 32n) ^ c3 ^ k1, p0 & 0xffffffffn];
    k0 = (k0 + 0x9e3779b9n) & 0xffffffffn;
    k1 = (k1 + 0xbb67ae85n) & 0xffffffffn;
  }
  return [c0, c1, c2, c3].map(Number);
}

const anyCall = fc.record({
  rows: fc.integer({ min: 1, max: 6 }),
  columns: fc.integer({ min: 1, max: 70 }),
  rate: fc.constantFrom(0, 0.1, 0.5, 0.9),
  layer: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  draw: fc.record({
    seed: fc.oneof(fc.nat(), fc.maxSafeNat()),
    epoch: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    first: fc.integer({ min: 0, max: 2 ** 31 }),
  }),
});

describe.each(["baseline", "relaxed"] as const)("dropout of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;

  it("drops what the words of Philox say, and scales the rest", () => {
    fc.assert(
      fc.property(anyCall, ({ rows, columns, rate, layer, draw }) => {
        const x = site.vector(Float32Array.from({ length: rows * columns }, (_, i) => i + 1));
        const y = site.blank(rows * columns);
        kernels.dropout(x.at, y.at, rows, columns, rate, draw, layer);
        const scale = Math.fround(1 / (1 - rate));
        const wanted = Float32Array.from(x.view, (value, at) => {
          const [row, i] = [Math.floor(at / columns), at % columns];
          const block = 4 * (i >> 4) + (i & 3);
          const words = philox([block, draw.first + row, draw.epoch, layer + 2 ** 31], draw.seed);
          return (words[(i >> 2) & 3] ?? 0) < Math.round(rate * 2 ** 32) ? 0 : value * scale;
        });
        expect(y.view).toEqual(wanted);
        site.clear();
      }),
    );
  });

  it("has the same mask for any cut of the batch, and in place", () => {
    const [rows, columns] = [12, 37];
    const ones = new Float32Array(rows * columns).fill(1);
    const draw = { seed: 7, epoch: 3, first: 100 };
    const [whole, cut] = [site.vector(ones), site.vector(ones)];
    kernels.dropout(whole.at, whole.at, rows, columns, 0.3, draw, 2);
    for (const [begin, end] of [
      [0, 5],
      [5, 6],
      [6, 12],
    ] as const) {
      const at = cut.at + begin * columns * 4;
      kernels.dropout(at, at, end - begin, columns, 0.3, { ...draw, first: draw.first + begin }, 2);
    }
    expect(cut.view).toEqual(whole.view);
    site.clear();
  });

  it("drops its rate and keeps the mean", () => {
    const count = 200_000;
    const y = site.vector(new Float32Array(count).fill(1));
    kernels.dropout(y.at, y.at, 100, count / 100, 0.2, { seed: 1, epoch: 0, first: 0 }, 0);
    const dropped = y.view.filter((value) => value === 0).length;
    // Five deviations of √(count·0.2·0.8) = 179.
    expect(Math.abs(dropped - 0.2 * count)).toBeLessThan(900);
    const mean = y.view.reduce((sum, value) => sum + value, 0) / count;
    expect(Math.abs(mean - 1)).toBeLessThan((900 * 1.25) / count);
    site.clear();
  });
});
