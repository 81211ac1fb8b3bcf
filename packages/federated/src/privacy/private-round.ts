/**
 * A round of federated averaging that is private for each client (DP-FedAvg): clip, sum, noise with this round's C, and
 * only then the next C.
 *
 *   mean = (Σ_k Δ_k·min(1, C/‖Δ_k‖) + N(0, (z·C)²)) / m
 *
 * All clients count alike: a weight by samples would let one move the sum by more than C. m is the number of clients that
 * were expected, not of those who came, which would itself reveal one.
 *
 * Source  McMahan, Ramage, Talwar, Zhang, ICLR 2018, arXiv 1710.06963; Andrew et al., NeurIPS 2021, arXiv 1905.03871.
 */
import { nextClip, noiseBesideCount, type AdaptiveClipping } from "./adaptive-clipping.ts";
import { clipScale } from "./clipping.ts";
import { addGaussian, standardGaussian } from "./gaussian.ts";
import type { RandomBits } from "./random-bits.ts";

export interface PrivateRoundPlan {
  /** C of this round. */
  readonly clip: number;
  /** z: what the accountant is told, for sum and count together. */
  readonly noiseMultiplier: number;
  /** m. */
  readonly expectedClients: number;
  /** Left out: C stays. */
  readonly adaptive?: (AdaptiveClipping & { readonly countDeviation: number }) | undefined;
}

export interface PrivateRound {
  /** Counts a client. @param norm - of its whole update @returns what each of its chunks is to be multiplied with */
  admit(norm: number): number;
  /**
   * Makes a chunk of Σ scale·Δ_k the private mean: adds noise, divides by m. Once for each chunk, after the last client.
   * @param sum - overwritten
   */
  finishChunk(sum: Float64Array): void;
  /** The next round's C; with adaptive clipping it takes its own noise. To be called once, at the end. */
  close(): { readonly nextClip: number; readonly clipped: number };
}

/** @throws RangeError for a plan that contradicts itself */
export function createPrivateRound(plan: PrivateRoundPlan, random: RandomBits): PrivateRound {
  const { clip, noiseMultiplier, expectedClients, adaptive } = plan;
  if (!(expectedClients > 0)) throw new RangeError(`expectedClients must be positive, got ${expectedClients}`);
  const multiplier =
    adaptive === undefined ? noiseMultiplier : noiseBesideCount(noiseMultiplier, adaptive.countDeviation);
  let [below, above] = [0, 0];
  return {
    admit(norm) {
      const scale = clipScale(norm, clip);
      if (norm <= clip) below++;
      else above++;
      return scale;
    },
    finishChunk(sum) {
      addGaussian(sum, multiplier * clip, random);
      for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] ?? 0) / expectedClients;
    },
    close() {
      if (adaptive === undefined) return { nextClip: clip, clipped: above };
      // Σ (b_k − ½) + noise, then the half of everybody expected back: the number who came stays hidden.
      const centred = (below - above) / 2 + adaptive.countDeviation * standardGaussian(random);
      return { nextClip: nextClip(clip, centred / expectedClients + 0.5, adaptive), clipped: above };
    },
  };
}
