import { describe, expect, it } from "vitest";
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from "./half-floats.ts";

const formats = [
  { name: "float16", bitsOf: float16Bits, valueOf: float16Value, infinity: 0x7c00 },
  { name: "bfloat16", bitsOf: bfloat16Bits, valueOf: bfloat16Value, infinity: 0x7f80 },
];

describe.each(formats)("$name", ({ bitsOf, valueOf, infinity }) => {
  it("comes back as the same bits, for every number there is", () => {
    for (let pattern = 0; pattern < 0x1_0000; pattern += 1) {
      const value = valueOf(pattern);
      const isNan = (pattern & 0x7fff) > infinity;
      expect(Number.isNaN(value)).toBe(isNan);
      if (isNan) expect(valueOf(bitsOf(value))).toBeNaN();
      else if (bitsOf(value) !== pattern) expect.fail(`${pattern} came back as ${bitsOf(value)}`);
    }
  });

  it("is the nearest there is, of two the even one, and infinite beyond the largest", () => {
    for (let pattern = 0; pattern < infinity - 1; pattern += 1) {
      const [low, high] = [valueOf(pattern), valueOf(pattern + 1)];
      const middle = (low + high) / 2;
      const even = pattern % 2 === 0 ? pattern : pattern + 1;
      if (bitsOf(middle) !== even) expect.fail(`${middle} became ${bitsOf(middle)}, not ${even}`);
      if (bitsOf(low + (high - low) * 0.25) !== pattern) expect.fail(`below ${middle}`);
      if (bitsOf(low + (high - low) * 0.75) !== pattern + 1) expect.fail(`above ${middle}`);
      if (bitsOf(-middle) !== (even | 0x8000)) expect.fail(`-${middle}`);
    }
    expect(bitsOf(3.4e38)).toBe(infinity);
    expect(bitsOf(Number.NEGATIVE_INFINITY)).toBe(infinity | 0x8000);
  });
});
