import { describe, expect, it } from "vitest";
import { takeFederatedGroup } from "../../../../test/support/federated-rows.ts";
import { nextClip, noiseBesideCount } from "./adaptive-clipping.ts";
import { addScaled, clipScale, squaredNormOf } from "./clipping.ts";
import { systemRandomBytes } from "./host/system-random-bytes.ts";
import { makePrivate } from "./local-privacy.ts";
import { createPrivateRound } from "./private-round.ts";
import { createRandomBits } from "./random-bits.ts";

interface Vectors {
  readonly adaptive_clip: {
    readonly norms: readonly number[];
    readonly C0: number;
    readonly gamma: number;
    readonly eta_C: number;
    readonly C: readonly number[];
  };
  readonly z_delta: Readonly<Record<string, number>>;
  readonly clip: Readonly<Record<string, readonly number[]>>;
}
const vectors: Vectors = {
  adaptive_clip: takeFederatedGroup<Vectors["adaptive_clip"]>("adaptive_clip"),
  z_delta: takeFederatedGroup<Vectors["z_delta"]>("z_delta"),
  clip: takeFederatedGroup<Vectors["clip"]>("clip"),
};
const random = createRandomBits(systemRandomBytes);
const noiseless = { noiseMultiplier: 0, expectedClients: 1 };

/** The sum, not the mean, of clients' updates. */
function sumOf(updates: readonly (readonly number[])[], clip: number): { sum: number[]; clipped: number } {
  const round = createPrivateRound({ clip, ...noiseless }, random);
  const sum = new Float64Array(updates[0]?.length ?? 0);
  for (const update of updates) {
    const chunk = Float32Array.from(update);
    addScaled(sum, chunk, round.admit(Math.sqrt(squaredNormOf(chunk))));
  }
  round.finishChunk(sum);
  return { sum: [...sum], clipped: round.close().clipped };
}

describe("clipping", () => {
  it("is by the norm of the whole model", () => {
    for (const [name, expected] of Object.entries(vectors.clip)) {
      const update = Float32Array.of(3, 4);
      const scale = clipScale(Math.sqrt(squaredNormOf(update)), Number(name.split("=")[1]));
      // float64: one rounding.
      update.forEach((value, i) => expect(value * scale).toBeCloseTo(expected[i] ?? NaN, 14));
    }
    // The norm over two chunks is 5, of each alone less than the bound of 4.5.
    const [first, second] = [Float32Array.of(3), Float32Array.of(4)];
    expect(clipScale(Math.sqrt(squaredNormOf(first) + squaredNormOf(second)), 4.5)).toBe(0.9);
  });

  it("gives the sums that are known", () => {
    expect(sumOf([[1], [3], [5]], 2)).toEqual({ sum: [5], clipped: 2 });
    // Four equal components v have norm 2v.
    expect(
      sumOf(
        [1, 2, 3].map((v) => [v, v, v, v]),
        4,
      ).sum,
    ).toEqual([5, 5, 5, 5]);
    expect([1, 2, 3].map((clip) => sumOf([[1], [3], [5]], clip).sum[0])).toEqual([3, 5, 7]);
    const { sum } = sumOf(
      [
        [1, 1],
        [3, 4],
      ],
      3,
    );
    expect(sum[0]).toBeCloseTo(2.8, 14);
    expect(sum[1]).toBeCloseTo(3.4, 14);
  });

  it("gives the sum of a clip of 1 that is known, to the precision of float32 updates", () => {
    const { sum } = sumOf(
      [
        [0.1, 0.2],
        [5 / 13, 12 / 13],
        [3, 4],
      ],
      1,
    );
    expect(sum[0]).toBeCloseTo(0.1 + 5 / 13 + 0.6, 6);
    expect(sum[1]).toBeCloseTo(0.2 + 12 / 13 + 0.8, 6);
  });

  it("refuses a norm that is no number", () => {
    for (const norm of [NaN, Infinity, -1]) expect(() => clipScale(norm, 1)).toThrow(RangeError);
    expect(() => clipScale(1, 0)).toThrow(RangeError);
    expect(squaredNormOf(Float32Array.of(1, NaN))).toBeNaN();
  });
});

describe("adaptive clipping", () => {
  it("climbs to the median as published", () => {
    const { norms, C0, gamma, eta_C, C } = vectors.adaptive_clip;
    const adaptive = { quantile: gamma, learningRate: eta_C, rule: "geometric", countDeviation: 1e-9 } as const;
    let clip = C0;
    for (const expected of C) {
      // Noise of 1e-9 on the count: noise of exactly 0 would let the count alone tell everything.
      const round = createPrivateRound(
        { clip, noiseMultiplier: 1e-10, expectedClients: norms.length, adaptive },
        random,
      );
      for (const norm of norms) round.admit(norm);
      clip = round.close().nextClip;
      expect(clip).toBeCloseTo(expected, 7);
    }
  });

  it("moves linearly as TFF does", () => {
    const linear = { quantile: 1, learningRate: 1, rule: "linear" } as const;
    expect(sumOf([[0.5], [1.5], [2]], 1).sum).toEqual([2.5]);
    const clip = nextClip(1, 1 / 3, linear);
    expect(clip).toBeCloseTo(5 / 3, 14);
    expect(sumOf([[0.5], [1.5], [2]], clip).sum[0]).toBeCloseTo(0.5 + 1.5 + 5 / 3, 14);
    expect(nextClip(0.1, 5, linear)).toBe(0);
  });

  it("moves by rate times quantile where everybody is above", () => {
    const step = { quantile: 0.61803, learningRate: 2.71828 };
    const up = step.quantile * step.learningRate;
    expect(nextClip(3.14159, 0, { ...step, rule: "geometric" })).toBeCloseTo(3.14159 * Math.exp(up), 12);
    expect(nextClip(3.14159, 0, { ...step, rule: "linear" })).toBeCloseTo(3.14159 + up, 12);
  });

  it("splits the noise between sum and count", () => {
    for (const [name, expected] of Object.entries(vectors.z_delta)) {
      const [z, deviation] = [...name.matchAll(/=([\d.]+)/g)].map((match) => Number(match[1]));
      expect(noiseBesideCount(z ?? NaN, deviation ?? NaN)).toBeCloseTo(expected, 14);
    }
    expect(() => noiseBesideCount(1, 0.5)).toThrow(RangeError);
  });

  it("does not tell by the count how many came", () => {
    const adaptive = { quantile: 0.5, learningRate: 0.2, rule: "geometric", countDeviation: 1e-9 } as const;
    const round = createPrivateRound({ clip: 1, noiseMultiplier: 1e-10, expectedClients: 100, adaptive }, random);
    // Nobody came: the norm stays where it is.
    expect(round.close().nextClip).toBeCloseTo(1, 9);
  });
});

describe("a private round", () => {
  it("adds noise of this round's clip before that changes, and divides by the expected number", () => {
    const [clip, noiseMultiplier, expectedClients] = [2, 3, 50];
    const adaptive = { quantile: 0.5, learningRate: 5, rule: "geometric", countDeviation: 20 } as const;
    const round = createPrivateRound({ clip, noiseMultiplier, expectedClients, adaptive }, random);
    const sum = new Float64Array(100_000);
    round.admit(100);
    round.finishChunk(sum);
    const deviation = Math.sqrt(sum.reduce((squares, value) => squares + value * value, 0) / sum.length);
    const expected = (clip * noiseBesideCount(noiseMultiplier, 20)) / expectedClients;
    // The deviation of a hundred thousand values is known within 0.22 %; 2 % is nine times that.
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(0.02);
  });

  it("is made private by the client itself where nobody is trusted", () => {
    const chunk = new Float32Array(50_000).fill(8);
    makePrivate(chunk, 0.25, 1.5, random);
    const mean = chunk.reduce((total, value) => total + value, 0) / chunk.length;
    const variance = chunk.reduce((total, value) => total + (value - mean) ** 2, 0) / chunk.length;
    // Nine standard errors: 1.5/√50000 of the mean, 2.25·√(2/50000) of the variance.
    expect(Math.abs(mean - 2)).toBeLessThan(0.06);
    expect(Math.abs(variance - 2.25)).toBeLessThan(0.13);
  });
});
