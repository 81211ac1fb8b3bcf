import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBufferBook, layOutBuffers, meet, type BufferNeed } from "./buffer-layout.ts";

const span = fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 6 })).map(([from, length]) => ({ from, to: from + length }));
const need: fc.Arbitrary<BufferNeed> = fc.record({
  bytes: fc.nat({ max: 5_000 }),
  spans: fc.array(span, { minLength: 1, maxLength: 3 }),
});

/** What must be alive at the busiest step: no layout can take less. */
function leastBytes(needs: readonly BufferNeed[]): number {
  const aliveAt = (time: number): number =>
    needs
      .filter(({ spans }) => spans.some(({ from, to }) => from <= time && time <= to))
      .reduce((sum, { bytes }) => sum + Math.ceil(bytes / 64) * 64, 0);
  return Math.max(0, ...Array.from({ length: 40 }, (_, time) => aliveAt(time)));
}

describe("layOutBuffers", () => {
  it("never lets two buffers overlap that are alive at the same time", () => {
    fc.assert(
      fc.property(fc.array(need, { maxLength: 40 }), (needs) => {
        const { offsets, byteLength } = layOutBuffers(needs);
        for (const [one, left] of needs.entries()) {
          const [begin, end] = [offsets[one] ?? 0, (offsets[one] ?? 0) + left.bytes];
          expect(begin % 64).toBe(0);
          expect(end).toBeLessThanOrEqual(Math.max(byteLength, begin));
          for (const [other, right] of needs.entries()) {
            if (one === other || left.bytes === 0 || right.bytes === 0 || !meet(left, right)) continue;
            const from = offsets[other] ?? 0;
            expect(end <= from || from + right.bytes <= begin).toBe(true);
          }
        }
        expect(byteLength).toBeGreaterThanOrEqual(leastBytes(needs));
      }),
    );
  });

  it("gives the bytes of what is over to what comes later", () => {
    const chain = Array.from({ length: 10 }, (_, time) => ({ bytes: 1024, spans: [{ from: time, to: time + 1 }] }));
    expect(layOutBuffers(chain).byteLength).toBe(2 * 1024);
  });
});

describe("a book of buffers", () => {
  it("keeps a buffer that is used in two ways for both", () => {
    const book = createBufferBook();
    const first = book.add(64, { from: 0, to: 0 });
    const second = book.add(64, { from: 5, to: 5 });
    expect(book.layOut().byteLength).toBe(64);
    book.extend(first, { from: 4, to: 6 });
    const { offsets, byteLength } = book.layOut();
    expect(offsets[first]).not.toBe(offsets[second]);
    expect(byteLength).toBe(128);
  });
});
