/**
 * Local privacy: a client adds all the noise itself, so that nobody has to be trusted, the server included.
 *
 *   Δ ← Δ·min(1, C/‖Δ‖) + N(0, (z·2C)²)
 *
 * Any two updates of norm C are 2C apart, and each must look as likely as the other. With n clients the mean carries n
 * times the variance that central noise would need for the same ε.
 */
import { gaussianNoiseFor } from "./analytic-gaussian.ts";
import { addGaussian } from "./gaussian.ts";
import type { RandomBits } from "./random-bits.ts";

export interface LocalPrivacy {
  /** C, for the whole update. */
  readonly clip: number;
  /** For one contribution; k contributions of a client cost what k rounds without sampling do. */
  readonly epsilon: number;
  readonly delta: number;
}

/** The noise's deviation, in the unit of the update. @throws RangeError */
export function localDeviation({ clip, epsilon, delta }: LocalPrivacy): number {
  return 2 * clip * gaussianNoiseFor(epsilon, delta);
}

/**
 * Clips and adds the noise, chunk by chunk.
 * @param chunk - overwritten
 * @param scale - `clipScale` of the whole update's norm
 * @param deviation - of {@link localDeviation}, computed once
 */
export function makePrivate(chunk: Float32Array, scale: number, deviation: number, random: RandomBits): void {
  if (scale !== 1) for (let index = 0; index < chunk.length; index++) chunk[index] = (chunk[index] ?? 0) * scale;
  addGaussian(chunk, deviation, random);
}
