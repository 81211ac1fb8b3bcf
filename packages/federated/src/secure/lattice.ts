/**
 * Vectors of numbers as integers modulo 2^bits, so that sums over clients are exact and cannot overflow.
 *
 *   x is clipped to [−C, C];  i = round(x·s), s = (levels − 1)/(2C), rounded up with the probability of the fraction
 *   a client sends w·i + noise + offset, 0 ≤ w·i + noise + offset ≤ 2·offset,  offset = W·⌈(levels − 1)/2⌉ + B
 *   n·2·offset < 2^bits, whoever the n clients are;  mean x = (Σ − n·offset)/(s·Σ w)
 *
 * The weight goes along as one more element, so that only Σ w is seen. Rounding is unbiased: E[i] = x·s. With noise each
 * client adds a discrete Gaussian of its own; B = ⌈12σ⌉ bounds it, which one value in 10³² would exceed: it is set to the
 * bound, and the privacy of the sum fails with that probability.
 *
 * Sources  Bonawitz et al., CCS 2017 (integers); Kairouz, Liu, Steinke, ICML 2021, arXiv 2102.06387 (discrete noise, proposition 14).
 */
import { ShoalError } from "@shoal/errors";
import { createDiscreteGaussian } from "../privacy/discrete-gaussian.ts";
import type { RandomBits } from "../privacy/random-bits.ts";

export interface LatticeSettings {
  /** C: no element of an update is greater in magnitude. With whole-model clipping this is its C. */
  readonly clip: number;
  /** Values that an element can have. Default 2^16 + 1; odd, so that 0 is one of them. */
  readonly levels?: number | undefined;
  /** W: greatest weight, a whole number. Default 1; sums with noise need 1. */
  readonly weightCap?: number | undefined;
  /** n: most clients in a sum. */
  readonly clients: number;
  /** σ² that each client adds, in steps of the lattice. Default 0. */
  readonly noiseVariance?: number | undefined;
}

export interface Lattice {
  readonly clip: number;
  readonly levels: number;
  readonly weightCap: number;
  readonly clients: number;
  readonly noiseVariance: number;
  /** s: steps of the lattice in one unit. */
  readonly scale: number;
  readonly noiseBound: number;
  readonly offset: number;
  /** The modulus is 2^bits. */
  readonly bits: number;
}

export const defaultLevels: number = 2 ** 16 + 1;
const greatestBits = 32;
const deviationsKept = 12;
/** Sums of independent discrete Gaussians are as good as one where each has at least this variance. */
const leastNoiseVariance = 4;

/**
 * The lattice of least bits. @throws ShoalError invalid_argument - where sums would not fit into 32 bits, with the
 * levels that would
 */
export function planLattice(settings: LatticeSettings): Lattice {
  const { clip, levels = defaultLevels, weightCap = 1, clients, noiseVariance = 0 } = settings;
  if (!(clip > 0) || clip === Infinity) throw invalid("clip", `expected a positive number, got ${clip}`);
  if (!isWithin(levels, 3, 2 ** 31) || levels % 2 === 0)
    throw invalid("levels", `expected an odd number from 3 on, got ${levels}`);
  if (!isWithin(weightCap, 1, 2 ** 20)) throw invalid("weightCap", `expected 1 … 2^20, got ${weightCap}`);
  if (!isWithin(clients, 1, 2 ** 20)) throw invalid("clients", `expected 1 … 2^20, got ${clients}`);
  if (noiseVariance !== 0 && (weightCap !== 1 || !(noiseVariance >= leastNoiseVariance && noiseVariance < 2 ** 50))) {
    throw invalid(
      "noiseVariance",
      `expected 0, or at least ${leastNoiseVariance} with a weight cap of 1, got ${noiseVariance}`,
    );
  }
  const half = (levels - 1) / 2;
  const noiseBound = Math.ceil(deviationsKept * Math.sqrt(noiseVariance));
  const offset = weightCap * half + noiseBound;
  // The weight of a client is at most its cap, which is less than 2·offset.
  const bits = Math.ceil(Math.log2(clients * 2 * offset + 1));
  if (clients * 2 * offset >= 2 ** greatestBits) {
    const most = 2 * Math.floor(((2 ** greatestBits - 1) / (2 * clients) - noiseBound) / weightCap) + 1;
    const advice = most >= 3 ? `at most ${most} levels fit` : "fewer clients, a smaller weight cap or less noise would";
    throw invalid("levels", `the sum of ${clients} clients does not fit into ${greatestBits} bits: ${advice}`);
  }
  return { clip, levels, weightCap, clients, noiseVariance, scale: half / clip, noiseBound, offset, bits };
}

/** Turns chunks of a client's update into integers. */
export interface LatticeEncoder {
  /** @param values - borrowed; finite @param into - [values.length], overwritten, elements below 2^bits */
  encode(values: Float32Array, into: Uint32Array): void;
  /** The element that goes behind the last: the weight itself. */
  readonly weight: number;
}

/**
 * @param weight - a whole number 1 … weightCap
 * @param random - cryptographic where there is noise: rounding alone may be seeded
 */
export function createLatticeEncoder(lattice: Lattice, weight: number, random: RandomBits): LatticeEncoder {
  const { clip, scale, offset, noiseVariance, noiseBound, weightCap, levels } = lattice;
  const half = (levels - 1) / 2;
  if (!isWithin(weight, 1, weightCap)) throw invalid("weight", `expected 1 … ${weightCap}, got ${weight}`);
  const noise = noiseVariance === 0 ? undefined : createDiscreteGaussian(noiseVariance, random);
  return {
    weight,
    encode(values, into) {
      if (into.length !== values.length) throw new RangeError(`${values.length} values into ${into.length}`);
      for (let index = 0; index < values.length; index++) {
        const value = values[index] ?? 0;
        if (Number.isNaN(value)) throw new ShoalError("not_finite", `element ${index} is NaN`, { index });
        const place = Math.min(clip, Math.max(-clip, value)) * scale;
        const below = Math.floor(place);
        const near = random.word() < (place - below) * 2 ** 32 ? below + 1 : below;
        // C·s may be above its whole number by a rounding.
        const rounded = Math.min(half, Math.max(-half, near));
        const added = noise === undefined ? 0 : Math.min(noiseBound, Math.max(-noiseBound, noise()));
        into[index] = weight * rounded + added + offset;
      }
    },
  };
}

/**
 * The weighted mean of the clients in a sum, from their integers.
 * @param sum - unmasked, borrowed
 * @param into - [sum.length], overwritten
 * @param clients - how many are in the sum
 * @param totalWeight - Σ w, the sum's last element
 * @throws ShoalError codec_failed - for sums that no clients of this lattice have
 */
export function decodeMean(
  { scale, offset, weightCap, clients: most }: Lattice,
  sum: Uint32Array,
  into: Float32Array | Float64Array,
  { clients, totalWeight }: { readonly clients: number; readonly totalWeight: number },
): void {
  if (clients > most || !isWithin(totalWeight, clients, clients * weightCap)) {
    throw new ShoalError("codec_failed", `${clients} clients do not weigh ${totalWeight} together`, {
      clients,
      totalWeight,
    });
  }
  const greatest = 2 * clients * offset;
  for (let index = 0; index < sum.length; index++) {
    const value = sum[index] ?? 0;
    if (value > greatest)
      throw new ShoalError("codec_failed", `element ${index} of the sum is ${value}, at most ${greatest}`, { index });
    into[index] = (value - clients * offset) / (scale * totalWeight);
  }
}

/**
 * The noise multiplier of a sum to which `contributors` clients have each added discrete Gaussian noise: what the
 * accountant is told. It counts the least number who may be in the sum, because the noise of those who leave is missing.
 *
 *   z = 1/ε,  ε = Δ/(σ√n) + τ√d,  τ = 10·Σ_{k=1..n−1} exp(−2π²σ²·k/(k + 1));   Δ = C·s + √d, with rounding in it
 *
 * @param size - d, elements of the vector
 */
export function latticeNoiseMultiplier(
  { scale, clip, noiseVariance }: Lattice,
  size: number,
  contributors: number,
): number {
  let tau = 0;
  for (let k = 1; k < contributors; k++) tau += 10 * Math.exp((-2 * Math.PI ** 2 * noiseVariance * k) / (k + 1));
  const sensitivity = clip * scale + Math.sqrt(size);
  return 1 / (sensitivity / Math.sqrt(contributors * noiseVariance) + tau * Math.sqrt(size));
}

/**
 * σ² of each client for a noise multiplier z of the sum: σ² = (z·Δ)²/n, at least what a sum of discrete Gaussians needs.
 * @param levels - as the lattice will have
 */
export function latticeNoiseVariance(
  noiseMultiplier: number,
  { levels, size, contributors }: { readonly levels: number; readonly size: number; readonly contributors: number },
): number {
  const sensitivity = (levels - 1) / 2 + Math.sqrt(size);
  return Math.max(leastNoiseVariance, (noiseMultiplier * sensitivity) ** 2 / contributors);
}

const isWithin = (value: number, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && value >= least && value <= most;

const invalid = (field: string, sentence: string): ShoalError =>
  new ShoalError("invalid_argument", `lattice.${field}: ${sentence}`, { field: `lattice.${field}` });
