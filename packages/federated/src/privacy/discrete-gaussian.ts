/**
 * The discrete Gaussian: integers x with probability in proportion to exp(−x²/(2σ²)), drawn exactly.
 *
 *   t = ⌊σ⌋ + 1;  y from the discrete Laplace distribution exp(−|y|/t);  keep y with probability exp(−(|y| − σ²/t)²/(2σ²))
 *
 * Every decision is a comparison of a uniform number with a fraction of integers. It is taken in float64 where its 53 bits
 * leave no doubt, and in whole numbers where they do (once in some 10¹² times): what comes out has no rounding in it.
 * For σ ≥ 1 the privacy of a sum with it is that of the Gaussian with the same σ.
 *
 * Source  Canonne, Kamath, Steinke, NeurIPS 2020, arXiv 2004.00010, algorithms 1 to 3.
 */
import type { RandomBits } from "./random-bits.ts";

/** A fraction, as float64 within a relative 2^-45 and, when asked for, exactly. */
interface Fraction {
  readonly value: number;
  readonly exact: () => readonly [numerator: bigint, denominator: bigint];
}

/** σ² counts in steps of this, and in whole numbers where it is great: a numerator is always a whole float64. */
const fineSteps = 2 ** 16;
const fineUpTo = 2 ** 30;
/** Below it a Gaussian on integers is nearly always 0 and hides nothing. */
const leastVariance = 1 / fineSteps;
const greatestVariance = 2 ** 53;

/**
 * @param variance - σ², 2^-16 … 2^53; rounded up to a multiple of 2^-16, above 2^30 to a whole number
 * @returns one draw at each call
 */
export function createDiscreteGaussian(variance: number, random: RandomBits): () => number {
  if (!(variance >= leastVariance && variance <= greatestVariance)) {
    throw new RangeError(`variance must be within 2^-16 and 2^53, got ${variance}`);
  }
  const steps = variance > fineUpTo ? 1 : fineSteps;
  const [numerator, denominator] = [BigInt(Math.ceil(variance * steps)), BigInt(steps)];
  const sigma2 = Number(numerator) / steps;
  const t = Math.floor(Math.sqrt(sigma2)) + 1;
  const wide = BigInt(t);
  // (|y|·t·d − n)² / (2·n·d·t²), where σ² = n/d
  const exactly = (y: number): readonly [bigint, bigint] => {
    const difference = BigInt(y) * wide * denominator - numerator;
    return [difference * difference, 2n * numerator * denominator * wide * wide];
  };
  return () => {
    for (;;) {
      const y = discreteLaplace(t, random);
      const magnitude = Math.abs(y);
      const distance = magnitude - sigma2 / t;
      // Where the difference cancels the fraction is taken from the whole numbers.
      const isNear = Math.abs(distance) < magnitude / 8;
      const fraction: Fraction = isNear
        ? ratioOf(exactly(magnitude))
        : { value: (distance * distance) / (2 * sigma2), exact: () => exactly(magnitude) };
      if (bernoulliExp(fraction, random)) return y;
    }
  };
}

const ratioOf = (exact: readonly [bigint, bigint]): Fraction => ({
  value: Number(exact[0]) / Number(exact[1]),
  exact: () => exact,
});

/** An integer y with probability in proportion to exp(−|y|/t). */
function discreteLaplace(t: number, random: RandomBits): number {
  for (;;) {
    const u = random.below(t);
    if (!bernoulliExp({ value: u / t, exact: () => [BigInt(u), BigInt(t)] }, random)) continue;
    let v = 0;
    while (bernoulliExpWithinOne(one, random)) v++;
    const isNegative = (random.word() & 1) === 1;
    const magnitude = u + t * v;
    if (isNegative && magnitude === 0) continue; // 0 would come twice as often
    return isNegative ? -magnitude : magnitude;
  }
}

const one: Fraction = { value: 1, exact: () => [1n, 1n] };

/** True with probability exp(−γ), γ ≥ 0. */
function bernoulliExp(gamma: Fraction, random: RandomBits): boolean {
  if (gamma.value <= 0.99) return bernoulliExpWithinOne(gamma, random);
  const [numerator, denominator] = gamma.exact();
  const whole = numerator / denominator;
  for (let i = 0n; i < whole; i++) if (!bernoulliExpWithinOne(one, random)) return false;
  return bernoulliExpWithinOne(ratioOf([numerator - whole * denominator, denominator]), random);
}

/** γ ≤ 1: the parity of how many of the events with probabilities γ/1, γ/2, γ/3, … happen in a row. */
function bernoulliExpWithinOne(gamma: Fraction, random: RandomBits): boolean {
  for (let k = 1; ; k++) {
    const divided = k === 1 ? gamma : dividedBy(gamma, k);
    if (!bernoulli(divided, random)) return k % 2 === 1;
  }
}

const dividedBy = ({ value, exact }: Fraction, k: number): Fraction => ({
  value: value / k,
  exact() {
    const [numerator, denominator] = exact();
    return [numerator, denominator * BigInt(k)];
  },
});

/** True with exactly this probability ≤ 1. */
export function bernoulli(probability: Fraction, random: RandomBits): boolean {
  const drawn = random.word53();
  const limit = probability.value * 2 ** 53;
  const doubt = limit * 2 ** -44 + 1;
  if (drawn < limit - doubt) return true;
  if (drawn > limit + doubt) return false;
  // The uniform number is (drawn + rest)/2^53 with a rest in [0, 1) that is drawn now, against the denominator.
  const [numerator, denominator] = probability.exact();
  const left = (numerator << 53n) - BigInt(drawn) * denominator;
  return left > 0n && (left >= denominator || random.belowBig(denominator) < left);
}
