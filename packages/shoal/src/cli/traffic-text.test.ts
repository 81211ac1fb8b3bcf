import { describe, expect, it } from "vitest";
import { trafficText } from "./traffic-text.ts";

const plain = { pushedBefore: 4e6, pushedAfter: 4e6, pulledBefore: 4e6, pulledAfter: 4e6, errorSum: 0, errors: 0 };

describe("the traffic of a run in words", () => {
  it("says rates alone where nothing is encoded", () => {
    const text = trafficText({ pushedBytesPerSecond: 48_100_000, pulledBytesPerSecond: 999, total: plain });
    expect(text).toBe("push 48.1 MB/s; pull 999 B/s");
  });

  it("says what encodings gain and lose", () => {
    const total = { ...plain, pushedAfter: 1_025_641, pulledAfter: 0, errorSum: 0.08, errors: 10 };
    const text = trafficText({ pushedBytesPerSecond: 12_400_000, pulledBytesPerSecond: 0, total });
    expect(text).toBe("push 12.4 MB/s, 3.9× smaller, error 0.8 %; pull 0 B/s, nothing new");
  });
});
