/**
 * Gaussian noise from a cryptographic generator.
 *
 *   x₁ = σ·√(−2 ln u)·cos(2πv),  x₂ = σ·√(−2 ln u)·sin(2πv),   u uniform in (0, 1], v in [0, 1), 53 bits each
 *
 * u = 0 is never drawn, so the logarithm is finite; the greatest |x| is σ·√(106 ln 2) ≈ 8.6σ, beyond which a Gaussian has
 * 10⁻¹⁷ of its mass.
 *
 * Where the bits of a sum are seen by an adversary, values of float64 are not a Gaussian in their last bits (Mironov, CCS
 * 2012); the discrete Gaussian (`discrete-gaussian.ts`) has no such gap.
 *
 * Source  Box, Muller, Annals of Mathematical Statistics 29, 1958.
 */
import type { RandomBits } from "./random-bits.ts";

/** One value with mean 0 and standard deviation 1. */
export function standardGaussian(random: RandomBits): number {
  return radiusOf(random) * Math.cos(angleOf(random));
}

/** Adds an independent value of N(0, deviation²) to each element. Overwrites `values`. */
export function addGaussian(values: Float32Array | Float64Array, deviation: number, random: RandomBits): void {
  if (!(deviation >= 0) || deviation === Infinity) throw new RangeError(`deviation must be ≥ 0, got ${deviation}`);
  if (deviation === 0) return;
  for (let index = 0; index < values.length; index += 2) {
    const radius = deviation * radiusOf(random);
    const angle = angleOf(random);
    values[index] = (values[index] ?? 0) + radius * Math.cos(angle);
    if (index + 1 < values.length) values[index + 1] = (values[index + 1] ?? 0) + radius * Math.sin(angle);
  }
}

const radiusOf = (random: RandomBits): number => Math.sqrt(-2 * Math.log((random.word53() + 1) / 2 ** 53));
const angleOf = (random: RandomBits): number => (2 * Math.PI * random.word53()) / 2 ** 53;
