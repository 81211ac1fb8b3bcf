import fc from "fast-check";
import { expect, it } from "vitest";
import { packShared, sharedKeys, unpackShared, type KeySpan } from "./personal-layers.ts";

const anySpans = fc.integer({ min: 1, max: 40 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    personal: fc.uniqueArray(fc.integer({ min: 0, max: size }), { maxLength: 8 }).map((cuts) => {
      const sorted = cuts.toSorted((one, other) => one - other);
      const spans: KeySpan[] = [];
      for (let at = 0; at + 1 < sorted.length; at += 2)
        spans.push({ begin: sorted[at] ?? 0, end: sorted[at + 1] ?? 0 });
      return spans;
    }),
  }),
);

it("personal keys are neither sent nor overwritten, and all others are both", () => {
  fc.assert(
    fc.property(anySpans, ({ size, personal }) => {
      const isPersonal = (key: number): boolean => personal.some(({ begin, end }) => key >= begin && key < end);
      const keys = Array.from({ length: size }, (_, key) => key);
      const sent = keys.filter((key) => !isPersonal(key));
      if (sent.length === 0) {
        expect(() => sharedKeys(size, personal)).toThrow(RangeError);
        return;
      }
      const shared = sharedKeys(size, personal);
      const packed = new Float32Array(shared.count);
      packShared(shared, Float32Array.from(keys), packed);
      expect([...packed]).toEqual(sent);
      const values = new Float32Array(size).fill(-1);
      unpackShared(shared, packed, values);
      expect([...values]).toEqual(keys.map((key) => (isPersonal(key) ? -1 : key)));
    }),
  );
});

it.each([
  [
    [
      { begin: 2, end: 4 },
      { begin: 3, end: 5 },
    ],
  ],
  [[{ begin: 4, end: 2 }]],
  [[{ begin: 2, end: 9 }]],
  [[{ begin: 0, end: 8 }]],
])("personal keys %j of eight are refused", (personal) => {
  expect(() => sharedKeys(8, personal)).toThrow(RangeError);
});

it("vectors of another size are refused", () => {
  const shared = sharedKeys(3, [{ begin: 1, end: 2 }]);
  const refusal = expect.objectContaining({ code: "layout_mismatch" });
  expect(() => packShared(shared, new Float32Array(3), new Float32Array(3))).toThrow(refusal);
  expect(() => unpackShared(shared, new Float32Array(3), new Float32Array(3))).toThrow(refusal);
});
