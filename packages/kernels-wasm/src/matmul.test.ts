import fc from "fast-check";
import { describe, expect, it } from "vitest";
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
  ...[0, 1, 2, 3, 255, 256, 257, 515].map((k) => ({ m: 14, k, n: 11 })),
  ...[95, 96, 97, 191].map((m) => ({ m, k: 5, n: 9 })),
  ...[1_023, 1_024, 1_030].map((n) => ({ m: 13, k: 6, n })),
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
