import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Activation } from "./index.ts";
import { createKernelSite, type KernelSite } from "../../../test/support/kernel-site.ts";

type Form = "matmul" | "matmulTransposeA" | "matmulTransposeB";
interface Shape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
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

/** Runs one product and compares each element with float64, within the rounding of k additions in float32. */
function check(site: KernelSite, form: Form, { m, k, n }: Shape, accumulate: boolean, shift: number): void {
  const a = site.vector(values(m * k, 17 * m + k), shift);
  const b = site.vector(values(k * n, 31 * n + k), shift);
  const c = site.vector(values(m * n, m + n), shift);
  const before = c.view.slice();
  site.kernels[form](a.at, b.at, c.at, m, k, n, accumulate);
  let worst = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = accumulate ? (before[i * n + j] ?? NaN) : 0;
      let magnitude = Math.abs(sum);
      for (let p = 0; p < k; p++) {
        const x = a.view[form === "matmulTransposeA" ? p * m + i : i * k + p] ?? NaN;
        const y = b.view[form === "matmulTransposeB" ? j * k + p : p * n + j] ?? NaN;
        sum += x * y;
        magnitude += Math.abs(x * y);
      }
      const error = Math.abs((c.view[i * n + j] ?? NaN) - sum);
      // NaN must fail, so the comparison is with ≤.
      worst = error <= (k + 2) * 2 ** -24 * magnitude ? worst : error;
    }
  }
  expect(worst, `${form} ${m}×${k}×${n}${accumulate ? " accumulated" : ""}`).toBe(0);
  site.clear();
}

const forms: readonly Form[] = ["matmul", "matmulTransposeA", "matmulTransposeB"];

/** Every border of the loops: rows of a tile, narrow and wide last panels, blocks of depth, rows and columns. */
const borders: readonly Shape[] = [
  ...[1, 2, 3, 5, 6, 7, 12, 13].flatMap((m) => [1, 4, 7, 8, 9, 12, 17].map((n) => ({ m, k: 9, n }))),
  ...[0, 1, 2, 3, 383, 384, 385, 515].map((k) => ({ m: 14, k, n: 11 })),
  ...[186, 190, 191, 192, 193, 385].map((m) => ({ m, k: 5, n: 9 })),
  ...[383, 384, 391].map((n) => ({ m: 13, k: 6, n })),
  ...[4, 5, 12, 13].flatMap((m) => [1, 2, 3, 5, 6, 11, 12, 13].map((n) => ({ m, k: 131, n }))),
  ...[767, 768, 769].map((k) => ({ m: 13, k, n: 14 })),
  { m: 20, k: 3, n: 785 },
  { m: 5, k: 25_000, n: 11 },
  { m: 1, k: 300, n: 130 },
  { m: 64, k: 784, n: 10 },
];

describe.each(["baseline", "relaxed"] as const)("a matrix product of the %s kernels", (build) => {
  const site = createKernelSite(build);

  it.each(forms)("is right at every border of its blocks: %s", (form) => {
    for (const shape of borders) {
      for (const accumulate of [false, true]) check(site, form, shape, accumulate, 0);
    }
  });

  it("is right for any size and alignment to 4 bytes", () => {
    const side = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        fc.constantFrom(...forms),
        fc.record({ m: side, k: side, n: side }),
        fc.boolean(),
        fc.integer({ min: 0, max: 3 }),
        (form, shape, accumulate, shift) => check(site, form, shape, accumulate, shift),
      ),
    );
  });

  it("adds the bias and applies the activation of a dense layer, at every border", () => {
    // The product itself is checked above; the last step is one rounding and an activation within 4 ulps, where it is not denormal.
    const { kernels } = site;
    const last: readonly [Activation, (x: number) => number][] = [
      ["identity", (x) => x],
      ["relu", (x) => Math.max(0, x)],
      ["tanh", Math.tanh],
      ["sigmoid", (x) => 1 / (1 + Math.exp(-x))],
    ];
    for (const { m, k, n } of borders) {
      for (const [activation, apply] of last) {
        for (const biased of [true, false]) {
          const x = site.vector(values(m * k, 3));
          const weight = site.vector(values(n * k, 5));
          const bias = site.vector(values(n, 7));
          const [sums, y] = [site.blank(m * n), site.blank(m * n)];
          kernels.matmulTransposeB(x.at, weight.at, sums.at, m, k, n, false);
          kernels.dense(x.at, weight.at, biased ? bias.at : 0, y.at, m, k, n, activation);
          const wrong = y.view.findIndex((value, i) => {
            const sum = Math.fround((sums.view[i] ?? NaN) + (biased ? (bias.view[i % n] ?? NaN) : 0));
            const expected = apply(sum);
            return !(Math.abs(value - expected) <= 2 ** -21 * Math.abs(expected) + 2 ** -120);
          });
          expect(wrong, `${activation} ${m}×${k}×${n}`).toBe(-1);
          site.clear();
        }
      }
    }
  });

  it("keeps NaN and infinity in every column that they belong to, with relu too", () => {
    const { kernels } = site;
    for (const [m, k, n] of [
      [1, 9, 13],
      [7, 5, 6],
      [20, 30, 19],
    ] as const) {
      const x = site.vector(new Float32Array(m * k).fill(1));
      const weight = site.vector(
        Float32Array.from({ length: n * k }, (_, i) => (i < k ? NaN : i < 2 * k ? Infinity : -1)),
      );
      const y = site.blank(m * n);
      kernels.dense(x.at, weight.at, 0, y.at, m, k, n, "relu");
      expect([...y.view]).toEqual(Array.from({ length: m * n }, (_, i) => [NaN, Infinity][i % n] ?? 0));
      site.clear();
    }
  });

  it("gives the same bits each time, whatever its scratch held (K2)", () => {
    const { kernels } = site;
    const [a, b] = [site.vector(values(30 * 70, 1)), site.vector(values(70 * 19, 2))];
    const [first, second] = [site.blank(30 * 19), site.blank(30 * 19)];
    kernels.matmul(a.at, b.at, first.at, 30, 70, 19, false);
    const other = site.vector(new Float32Array(100 * 100).fill(NaN));
    kernels.matmul(other.at, other.at, site.blank(100 * 100).at, 100, 100, 100, false);
    kernels.matmul(a.at, b.at, second.at, 30, 70, 19, false);
    expect(second.view).toEqual(first.view);
    site.clear();
  });
});

it("is in the baseline build one fixed chain of rounded products and sums, block by block (K3)", () => {
  const site = createKernelSite("baseline");
  const [m, n] = [20, 30];
  for (const k of [50, 800]) {
    const [a, b, c] = [site.vector(values(m * k, 1)), site.vector(values(k * n, 2)), site.blank(m * n)];
    site.kernels.matmul(a.at, b.at, c.at, m, k, n, false);
    const blocks = Math.ceil(k / 384);
    const expected = Float32Array.from({ length: m * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let total = 0;
      for (let block = 0; block < blocks; block++) {
        let sum = 0;
        const end = Math.floor(((block + 1) * k) / blocks);
        for (let p = Math.floor((block * k) / blocks); p < end; p++) {
          sum = Math.fround(sum + Math.fround((a.view[i * k + p] ?? NaN) * (b.view[p * n + j] ?? NaN)));
        }
        total = Math.fround(total + sum);
      }
      return total;
    });
    expect(c.view).toEqual(expected);
    site.clear();
  }
});

it("has relaxed operations in the micro-kernels alone", () => {
  const folder = new URL("../assembly/", import.meta.url);
  const users = (pattern: RegExp): string[] =>
    readdirSync(folder).filter((name) => pattern.test(readFileSync(new URL(name, folder), "utf8")));
  expect(users(/relaxed_/)).toEqual(["multiply-add.ts"]);
  expect(users(/from "\.\/multiply-add"/)).toEqual(["few-rows.ts", "tile.ts"]);
  expect(users(/from "\.\/(few-rows|tile)"/)).toEqual(["products.ts"]);
});
