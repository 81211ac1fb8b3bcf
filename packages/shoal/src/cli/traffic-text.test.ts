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

  it("says what was lost with workers", () => {
    const rates = { pushedBytesPerSecond: 0, pulledBytesPerSecond: 0, total: plain };
    const late = trafficText({ ...rates, unsent: { norm: 2, lostWorkers: 0, lostNorm: 0 } });
    expect(late).toBe("push 0 B/s; pull 0 B/s");
    const gone = trafficText({ ...rates, unsent: { norm: 2, lostWorkers: 1, lostNorm: 0.834 } });
    expect(gone).toBe("push 0 B/s; pull 0 B/s; lost what a worker had left unsent (norm 0.83)");
  });
});
