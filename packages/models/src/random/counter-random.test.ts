import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCounterRandom } from "./counter-random.ts";

const draws = (length: number, draw: () => number): number[] => Array.from({ length }, draw);

describe("counter random", () => {
  it("repeats itself for the same name and for no other", () => {
    const first = draws(64, createCounterRandom(7, "shuffle", 3).word);
    expect(draws(64, createCounterRandom(7, "shuffle", 3).word)).toEqual(first);
    for (const other of [
      createCounterRandom(8, "shuffle", 3),
      createCounterRandom(7, "digits", 3),
      createCounterRandom(7, "shuffle", 4),
      createCounterRandom(7 + 2 ** 32, "shuffle", 3),
    ]) {
      expect(draws(64, other.word)).not.toEqual(first);
    }
  });

  it("draws uniform numbers from 0 to below 1 that float32 holds exactly", () => {
    const numbers = draws(20_000, createCounterRandom(1, "parameters", 0).uniform);
    expect(numbers.every((value) => value >= 0 && value < 1 && Math.fround(value) === value)).toBe(true);
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    // Deviation of the mean is 1/√(12·20,000) = 0.002; five of them.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
  });

  it("draws every integer below a bound about equally often", () => {
    const random = createCounterRandom(5, "digits", 0);
    const counts = new Array<number>(7).fill(0);
    for (let draw = 0; draw < 7_000; draw += 1) {
      const value = random.below(7);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    // Each count has mean 1,000 and deviation 29; five of them.
    expect(Math.max(...counts.map((count) => Math.abs(count - 1_000)))).toBeLessThan(150);
  });

  it("stays below any bound up to 2³²", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.nat(), (bound, seed) => {
        const value = createCounterRandom(seed, "digits", 0).below(bound);
        return value >= 0 && value < bound && Number.isInteger(value);
      }),
    );
  });

  it("refuses a seed that is not a count", () => {
    expect(() => createCounterRandom(-1, "digits", 0)).toThrow(RangeError);
    expect(() => createCounterRandom(0.5, "digits", 0)).toThrow(RangeError);
  });
});
