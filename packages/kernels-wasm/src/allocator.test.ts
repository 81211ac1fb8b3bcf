import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alignment, blockBytes, createAllocator } from "./allocator.ts";

type Step = { readonly take: number } | { readonly give: number } | { readonly extend: number };

const anySteps = fc.array(
  fc.oneof(
    fc.record({ take: fc.integer({ min: 0, max: 600 }) }),
    fc.record({ give: fc.nat() }),
    fc.record({ extend: fc.integer({ min: 1, max: 8 }) }),
  ),
  { maxLength: 60 },
);

describe("the allocator", () => {
  it("never hands out a byte twice, and has one hole when all is given back", () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const allocator = createAllocator(alignment, 4_096);
        const taken = new Map<number, number>();
        for (const step of steps) apply(allocator, taken, step);
        for (const offset of taken.keys()) expect(allocator.free(offset)).toBe(true);
        expect(allocator.holeCount).toBe(1);
        expect(allocator.allocatedBytes).toBe(0);
        expect(allocator.allocate(allocator.end - alignment)).toBe(alignment);
      }),
    );
  });

  it("takes the first hole that fits", () => {
    const allocator = createAllocator(0, 1_024);
    const [first, , third] = [allocator.allocate(128), allocator.allocate(64), allocator.allocate(256)];
    allocator.free(first ?? -1);
    allocator.free(third ?? -1);
    expect(allocator.allocate(100)).toBe(first);
    expect(allocator.allocate(65)).toBe(third);
  });

  it("says how much is missing at the end for a block", () => {
    const allocator = createAllocator(0, 256);
    expect(allocator.missingBytes(256)).toBe(0);
    expect(allocator.missingBytes(257)).toBe(64);
    allocator.allocate(192);
    expect(allocator.missingBytes(65)).toBe(64);
    allocator.allocate(64);
    expect(allocator.missingBytes(65)).toBe(128);
  });

  it("refuses to take back what it did not hand out", () => {
    const allocator = createAllocator(0, 256);
    const offset = allocator.allocate(64) ?? -1;
    expect(allocator.free(offset + 64)).toBe(false);
    expect(allocator.free(offset)).toBe(true);
    expect(allocator.free(offset)).toBe(false);
  });
});

function apply(allocator: ReturnType<typeof createAllocator>, taken: Map<number, number>, step: Step): void {
  if ("extend" in step) {
    allocator.extend(allocator.end + step.extend * alignment);
  } else if ("give" in step) {
    const offset = [...taken.keys()][step.give % Math.max(1, taken.size)];
    if (offset === undefined) return;
    expect(allocator.free(offset)).toBe(true);
    taken.delete(offset);
  } else {
    const fits = allocator.missingBytes(step.take) === 0;
    const offset = allocator.allocate(step.take);
    expect(offset !== undefined).toBe(fits);
    if (offset === undefined) return;
    const end = offset + blockBytes(step.take);
    expect(offset % alignment).toBe(0);
    expect(end).toBeLessThanOrEqual(allocator.end);
    for (const [other, bytes] of taken) expect(end <= other || other + bytes <= offset).toBe(true);
    taken.set(offset, blockBytes(step.take));
  }
  const total = [...taken.values()].reduce((sum, bytes) => sum + bytes, 0);
  expect(allocator.allocatedBytes).toBe(total);
}
