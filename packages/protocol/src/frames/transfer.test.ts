import fc from "fast-check";
import { expect, test } from "vitest";
import { beginTransfer, continueTransfer } from "./transfer.ts";

test("frames that carry on one after the other add up to what was announced", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 10 }), (frames) => {
      const total = frames.reduce((sum, bytes) => sum + bytes, 0);
      const [first = 0, ...rest] = frames;
      let received = beginTransfer(total, first);
      for (const bytes of rest) received = continueTransfer(received, total, received, bytes);
      expect(received).toBe(total);
    }),
  );
});

test("a gap, an overlap, an empty frame and too many bytes are refused", () => {
  expect(() => continueTransfer(4, 12, 8, 4)).toThrow("byte 4 was due");
  expect(() => continueTransfer(8, 12, 4, 4)).toThrow("byte 8 was due");
  expect(() => continueTransfer(4, 12, 4, 0)).toThrow("no payload");
  expect(() => continueTransfer(4, 12, 4, 12)).toThrow("12 were announced");
  expect(() => beginTransfer(8, 12)).toThrow("8 were announced");
  expect(() => beginTransfer(8, 0)).toThrow("none of the 8 bytes");
});
