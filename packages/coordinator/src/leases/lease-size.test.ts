import { describe, expect, it } from "vitest";
import { leaseSize, smoothSpeed } from "./lease-size.ts";

const base = {
  ...{ totalBatches: 4000, freeBatches: 4000, workers: 2, batchesPerMs: null, leaseWorkMs: 1000 },
  ...{ speedShare: 0.5, leastBatches: 1 },
};

describe("the size of a lease", () => {
  it("is small while the worker's speed is unknown, then what it does in a second", () => {
    expect(leaseSize(base)).toBe(4);
    expect(leaseSize({ ...base, batchesPerMs: 0.1 })).toBe(100);
  });

  it("is at most a quarter of a worker's fair share, and shrinks towards the end", () => {
    expect(leaseSize({ ...base, batchesPerMs: 10 })).toBe(500);
    expect(leaseSize({ ...base, batchesPerMs: 10, freeBatches: 40 })).toBe(10);
    expect(leaseSize({ ...base, batchesPerMs: 10, freeBatches: 1 })).toBe(1);
  });

  it("leaves a slow worker nothing at the end that the others would wait for, but an iteration", () => {
    expect(leaseSize({ ...base, batchesPerMs: 0.1, freeBatches: 40, speedShare: 0.05 })).toBe(1);
    expect(leaseSize({ ...base, batchesPerMs: 0.1, freeBatches: 40, speedShare: 0.05, leastBatches: 1.6 })).toBe(2);
  });

  it("is never below one batch", () => {
    expect(leaseSize({ ...base, totalBatches: 3, freeBatches: 3, batchesPerMs: 0.0001 })).toBe(1);
  });

  it("follows the speed of the newest reports", () => {
    expect(smoothSpeed(null, 10, 100)).toBe(0.1);
    expect(smoothSpeed(0.1, 20, 100)).toBeCloseTo(0.13, 12);
    expect(smoothSpeed(0.1, 0, 100)).toBe(0.1);
    expect(smoothSpeed(null, 5, 0)).toBeNull();
  });
});
