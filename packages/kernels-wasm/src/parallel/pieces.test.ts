import fc from "fast-check";
import { expect, it } from "vitest";
import { cutsColumns, pieceLines } from "./pieces.ts";

const side = fc.integer({ min: 1, max: 3_000 });
const threads = fc.integer({ min: 1, max: 16 });

it("makes at most 24 pieces of whole tiles, none of which is a product of few lines (P1)", () => {
  fc.assert(
    fc.property(side, side, side, threads, (m, k, n, count) => {
      const lines = pieceLines(m, k, n, count);
      if (lines === 0) return;
      const total = cutsColumns(m, n) ? n : m;
      const pieces = Math.ceil(total / lines);
      expect(lines % (cutsColumns(m, n) ? 8 : 30)).toBe(0);
      expect(pieces).toBeGreaterThan(1);
      expect(pieces).toBeLessThanOrEqual(24);
      expect(total - (pieces - 1) * lines).toBeGreaterThan(12);
      expect(Math.min(m, n)).toBeGreaterThan(12);
    }),
  );
});

it("cuts a product for two threads in two, a great one in more, and leaves small ones whole", () => {
  expect(pieceLines(64, 784, 256, 2)).toBe(128);
  expect(pieceLines(784, 64, 256, 2)).toBe(420);
  expect(Math.ceil(1024 / pieceLines(1024, 1024, 1024, 2))).toBeGreaterThan(2);
  expect(pieceLines(64, 128, 10, 2)).toBe(0);
  expect(pieceLines(1, 1024, 1024, 2)).toBe(0);
  expect(pieceLines(64, 784, 256, 1)).toBe(0);
});
