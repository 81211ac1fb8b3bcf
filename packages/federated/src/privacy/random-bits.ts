/**
 * Randomness for noise and secrets. The generator is a port, so that a seed replays a simulation; in the field it has to be
 * a cryptographic one (`systemRandomBytes`): who can guess the noise can subtract it.
 */

/** Fills all of `into` with random bytes. Overwrites `into`. */
export type RandomBytes = (into: Uint8Array<ArrayBuffer>) => void;

/** Draws from a generator of bytes, taken in blocks. */
export interface RandomBits {
  /** 32 random bits. */
  word(): number;
  /** 53 random bits, an integer. */
  word53(): number;
  /** An integer of 0 … bound − 1, each exactly as likely. @param bound - 1 … 2^32 */
  below(bound: number): number;
  /** The same for any positive bound. */
  belowBig(bound: bigint): bigint;
}

/** Bytes that are asked for at a time. */
const blockBytes = 4096;

export function createRandomBits(fill: RandomBytes): RandomBits {
  const block = new Uint32Array(blockBytes / 4);
  const bytes = new Uint8Array(block.buffer);
  let next = block.length;
  const word = (): number => {
    if (next === block.length) {
      fill(bytes);
      next = 0;
    }
    const drawn = block[next] ?? 0;
    block[next++] = 0; // what is drawn is not kept
    return drawn;
  };
  return {
    word,
    word53: () => (word() >>> 5) * 0x400_0000 + (word() >>> 6),
    below(bound) {
      if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
        throw new RangeError(`bound must be an integer from 1 to 2^32, got ${bound}`);
      }
      // Words above the greatest multiple of the bound would favour small results.
      const limit = 2 ** 32 - (2 ** 32 % bound);
      let drawn = word();
      while (drawn >= limit) drawn = word();
      return drawn % bound;
    },
    belowBig: (bound) => drawBig(bound, word),
  };
}

function drawBig(bound: bigint, word: () => number): bigint {
  if (bound < 1n) throw new RangeError(`bound must be positive, got ${bound}`);
  const length = (bound - 1n).toString(2).length;
  for (;;) {
    let drawn = 0n;
    for (let bits = 0; bits < length; bits += 32) drawn = (drawn << 32n) | BigInt(word());
    drawn = BigInt.asUintN(length, drawn);
    if (drawn < bound) return drawn; // at least every second time
  }
}
