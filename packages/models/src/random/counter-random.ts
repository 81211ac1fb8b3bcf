/** A sequence of draws from Philox, named by (seed, purpose, stream): two sequences never share a draw. */
import { philox } from "./philox.ts";

/** What a sequence is for; part of the counter, so that the same seed gives unrelated draws for each purpose. */
export type RandomPurpose = "parameters" | "shuffle" | "digits" | "samples";

const purposes: Readonly<Record<RandomPurpose, number>> = { parameters: 1, shuffle: 2, digits: 3, samples: 9 };
const wordRange = 2 ** 32;

export interface CounterRandom {
  /** Uniform unsigned 32-bit integer. */
  word(): number;
  /** Uniform in [0, 1), a multiple of 2⁻²⁴: exact in float32. */
  uniform(): number;
  /** Uniform integer in [0, bound), without bias. @param bound in [1, 2³²] */
  below(bound: number): number;
}

/** @param seed non-negative safe integer; @param stream unsigned 32-bit: the epoch, the segment, the sample */
export function createCounterRandom(seed: number, purpose: RandomPurpose, stream: number): CounterRandom {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`seed must be an integer ≥ 0, got ${seed}`);
  const block = new Uint32Array(4);
  let blockIndex = 0;
  let used = 4;
  const word = (): number => {
    if (used === 4) {
      block[0] = blockIndex;
      block[1] = Math.floor(blockIndex / wordRange);
      block[2] = stream;
      block[3] = purposes[purpose];
      philox(block, seed >>> 0, Math.floor(seed / wordRange));
      blockIndex += 1;
      used = 0;
    }
    used += 1;
    return block[used - 1] ?? 0;
  };
  return {
    word,
    uniform: () => (word() >>> 8) * 2 ** -24,
    below(bound) {
      // Words at or above the last multiple of the bound are drawn again: else small results would be likelier.
      const limit = wordRange - (wordRange % bound);
      let drawn = word();
      while (drawn >= limit) drawn = word();
      return drawn % bound;
    },
  };
}
