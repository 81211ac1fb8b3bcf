import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bernoulli, createDiscreteGaussian } from "./discrete-gaussian.ts";
import { addGaussian, standardGaussian } from "./gaussian.ts";
import { systemRandomBytes } from "./host/system-random-bytes.ts";
import { createRandomBits, type RandomBytes } from "./random-bits.ts";

/** A generator that a seed replays. */
function seeded(seed: number): RandomBytes {
  let block = 0;
  return (into) => {
    for (let at = 0; at < into.length; at += 32) {
      const digest = createHash("sha256").update(`${seed}/${block++}`).digest();
      into.set(digest.subarray(0, Math.min(32, into.length - at)), at);
    }
  };
}
/** Gives these words, then zeros. */
const fixed =
  (...words: readonly number[]): RandomBytes =>
  (into) => {
    into.fill(0);
    const view = new Uint32Array(into.buffer);
    words.forEach((word, i) => (view[i] = word));
  };

describe("draws", () => {
  it("are the same for the same seed, and are whole numbers below their bound", () => {
    const [a, b] = [createRandomBits(seeded(1)), createRandomBits(seeded(1))];
    for (let i = 0; i < 3000; i++) expect(a.word()).toBe(b.word());
    const random = createRandomBits(systemRandomBytes);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.bigInt({ min: 1n, max: 1n << 200n }), (small, big) => {
        expect(random.below(small)).toBeLessThan(small);
        expect(random.belowBig(big) < big).toBe(true);
      }),
    );
  });

  it("draw again what would favour small results", () => {
    // 2^32 mod 3 = 1: the greatest word is one too many.
    expect(createRandomBits(fixed(0xffff_ffff, 4)).below(3)).toBe(1);
    expect(createRandomBits(fixed(0xffff_ffff, 2)).belowBig(5n)).toBe(2n);
  });

  it("fill more than the platform gives at a time", () => {
    const bytes = new Uint8Array(200_000);
    systemRandomBytes(bytes);
    // 100 bytes in a row that are all zero: 2^-800.
    for (let at = 0; at < bytes.length; at += 100)
      expect(bytes.subarray(at, at + 100).some((byte) => byte !== 0)).toBe(true);
  });
});

describe("Gaussian noise", () => {
  it("is finite where the generator gives only zeros or only ones", () => {
    expect(standardGaussian(createRandomBits(fixed()))).toBeCloseTo(Math.sqrt(2 * 53 * Math.LN2), 12);
    const ones: RandomBytes = (into) => into.fill(255);
    expect(Math.abs(standardGaussian(createRandomBits(ones)))).toBe(0);
  });

  it("has the moments and the tails of a Gaussian", () => {
    const values = new Float64Array(200_001);
    addGaussian(values, 3, createRandomBits(seeded(7)));
    const moment = (power: number): number => values.reduce((sum, x) => sum + (x / 3) ** power, 0) / values.length;
    // Five standard errors of the mean of x^k over 200,001 values: √((2k − 1)!!/n)·5.
    expect(Math.abs(moment(1))).toBeLessThan(0.012);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.016);
    expect(Math.abs(moment(3))).toBeLessThan(0.044);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.115);
    const beyond = values.filter((x) => Math.abs(x) > 6).length / values.length;
    expect(Math.abs(beyond - 0.0455)).toBeLessThan(0.0024);
  });
});

describe("the discrete Gaussian", () => {
  it.each([0.04, 0.5, 1, 7.3, 400, 2 ** 31])("with variance %d has the probabilities of its definition", (variance) => {
    const draw = createDiscreteGaussian(variance, createRandomBits(seeded(variance)));
    const count = 20_000;
    const counts = new Map<number, number>();
    let squares = 0;
    for (let i = 0; i < count; i++) {
      const x = draw();
      counts.set(x, (counts.get(x) ?? 0) + 1);
      squares += x * x;
    }
    const reach = Math.ceil(12 * Math.sqrt(variance));
    let [total, second] = [0, 0];
    // With a great variance the sums over the integers are those of the Gaussian, to float64.
    const step = Math.max(1, Math.floor(Math.sqrt(variance) / 64));
    for (let x = -reach * step; x <= reach * step; x += step) {
      if (Math.abs(x) > 12 * Math.sqrt(variance) + 3) continue;
      const weight = Math.exp(-(x * x) / (2 * variance));
      total += weight;
      second += x * x * weight;
    }
    const expected = second / total;
    // Five standard errors of the mean square; its own variance is at most that of a Gaussian or of a rare ±1.
    const error = Math.max(Math.sqrt(2) * expected, Math.sqrt(expected)) / Math.sqrt(count);
    expect(Math.abs(squares / count - expected)).toBeLessThan(5 * error);
    if (step === 1 && variance < 10) {
      for (const x of [-2, -1, 0, 1, 2]) {
        const p = Math.exp(-(x * x) / (2 * variance)) / total;
        expect(Math.abs((counts.get(x) ?? 0) / count - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / count) + 1e-9);
      }
    }
  });

  it("refuses a variance that hides nothing, or none", () => {
    for (const variance of [0, -1, NaN, 2 ** 60]) {
      expect(() => createDiscreteGaussian(variance, createRandomBits(systemRandomBytes))).toThrow(RangeError);
    }
  });

  it("decides in whole numbers where float64 cannot tell", () => {
    // ⅓ lies between two numbers of 53 bits: the first 53 bits drawn are those below it, then the rest decides.
    const third = { value: 1 / 3, exact: () => [1n, 3n] as const };
    const below = Math.floor(2 ** 53 / 3);
    const [high, low] = [Math.floor(below / 2 ** 26), below % 2 ** 26];
    const drawn = (rest: number) => createRandomBits(fixed(high * 32, low * 64, rest));
    // 2^53 = 3·below + 2: a rest of 0 or 1 thirds is below, 2 thirds is not.
    expect([0, 1, 2].map((rest) => bernoulli(third, drawn(rest)))).toEqual([true, true, false]);
    expect(bernoulli(third, createRandomBits(fixed(high * 32, (low + 1) * 64)))).toBe(false);
    expect(bernoulli(third, createRandomBits(fixed(high * 32, (low - 1) * 64)))).toBe(true);
  });
});
