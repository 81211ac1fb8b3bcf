import { describe, expect, it } from "vitest";
import { accuracyOf } from "./metrics.ts";

describe("accuracyOf", () => {
  it("is the share of right answers", () => {
    expect(accuracyOf(3, 4)).toBe(0.75);
    expect(accuracyOf(0, 1)).toBe(0);
  });

  it("refuses counts that contradict each other", () => {
    expect(() => accuracyOf(0, 0)).toThrow(RangeError);
    expect(() => accuracyOf(5, 4)).toThrow("accuracy of 5 correct of 4");
  });
});
