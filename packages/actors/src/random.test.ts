import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom, createXoshiro128 } from "./random.ts";

const draw = (random: { uniform(): number }, count: number): number[] =>
  Array.from({ length: count }, () => random.uniform());

describe("random", () => {
  it("gives the same stream for the same seed and another for another", () => {
    expect(draw(createRandom(7), 8)).toEqual(draw(createRandom("7"), 8));
    expect(draw(createRandom(7), 8)).not.toEqual(draw(createRandom(8), 8));
  });

  it("is xoshiro128**: the published outputs for the state 1, 2, 3, 4", () => {
    const next = createXoshiro128([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, next)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it("never changes between versions: the first numbers of seed 1", () => {
    const random = createRandom(1);
    expect([random.integer(1000), random.integer(1000), random.integer(1000)]).toEqual(pinned);
  });

  it("forks by label alone, whatever was drawn before", () => {
    const used = createRandom(3);
    draw(used, 100);
    expect(draw(used.fork("a"), 5)).toEqual(draw(createRandom(3).fork("a"), 5));
    expect(draw(used.fork("a"), 5)).not.toEqual(draw(used.fork("b"), 5));
    expect(draw(used.fork("a").fork("b"), 5)).not.toEqual(draw(used.fork("a/b"), 5));
  });

  it("is uniform: 100,000 draws in 64 bins stay below the 99.9 % point of chi-square (105, 63 degrees)", () => {
    const random = createRandom("uniformity");
    for (const next of [
      () => Math.floor(random.uniform() * 64),
      () => random.integer(64),
      () => random.integer(2 ** 32) % 64,
    ]) {
      const bins = new Array<number>(64).fill(0);
      const draws = 100_000;
      for (let index = 0; index < draws; index++) {
        const bin = next();
        bins[bin] = (bins[bin] ?? 0) + 1;
      }
      const expected = draws / 64;
      const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      expect(chiSquare).toBeLessThan(105);
    }
  });

  it("stays within its bounds and refuses others", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        const random = createRandom(seed);
        const [integer, uniform] = [random.integer(bound), random.uniform()];
        expect(integer >= 0 && integer < bound && uniform >= 0 && uniform < 1).toBe(true);
      }),
    );
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) {
      expect(() => createRandom(1).integer(bound)).toThrow(RangeError);
    }
  });
});

/** Drawn once when the generator was written. */
const pinned = [467, 48, 354];
