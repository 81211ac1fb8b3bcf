/** Published float64 numbers beside the float32 of the shards. */
import { expect } from "vitest";

/** A few roundings of 6e-8 each, relative to the largest number in play. */
export function expectNear(actual: ArrayLike<number>, expected: ArrayLike<number>, scale = 1): void {
  expect(actual.length).toBe(expected.length);
  for (const [key, value] of Array.from(expected).entries()) {
    expect(Math.abs((actual[key] ?? NaN) - value)).toBeLessThanOrEqual(1e-6 * Math.max(scale, Math.abs(value)));
  }
}

/** The same relative to each number. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (const [key, value] of Array.from(expected).entries()) {
    expect(Math.abs((actual[key] ?? NaN) - value)).toBeLessThanOrEqual(2e-6 * Math.abs(value));
  }
}
