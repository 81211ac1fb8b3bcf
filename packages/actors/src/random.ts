/**
 * Randomness as a port, and the generator behind it.
 *
 * Generator  xoshiro128** 1.1: 128 bits of state, period 2^128 − 1, 32-bit operations only, so it is fast in
 *            JavaScript and the same on every machine.
 *            output = rotl(s1 · 5, 7) · 9;  t = s1 << 9;  s2 ^= s0;  s3 ^= s1;  s1 ^= s2;  s0 ^= s3;  s2 ^= t;
 *            s3 = rotl(s3, 11)
 * Seeding    Each of the four words is an FNV-1a hash of the seed's characters from its own start value, finished by
 *            MurmurHash3's fmix32. A fork hashes its label on top of its parent's seed words.
 * Source     D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4), 2021;
 *            A. Appleby, MurmurHash3; Fowler, Noll, Vo, FNV-1a.
 */

/** A stream of pseudo-random numbers. Not for secrets. */
export interface Random {
  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number;
  /** Uniform in 0 … bound − 1. @param bound - an integer, 1 … 2^32 */
  integer(bound: number): number;
  /**
   * An independent stream that depends on this one's seed and on `label` only, not on how much has been drawn: adding
   * a consumer does not change what the others see.
   */
  fork(label: string): Random;
}

type SeedWords = readonly [number, number, number, number];

/** Start values of the four hashes: digits of the golden ratio's and three square roots' fractions. */
const startWords: SeedWords = [0x9e3779b9, 0x6a09e667, 0xbb67ae85, 0x3c6ef372];

function finish(word: number): number {
  let hash = word ^ (word >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function hashText(start: number, text: string): number {
  let hash = start;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return finish(hash ^ text.length);
}

function derive(words: SeedWords, text: string): SeedWords {
  const [a, b, c, d] = words;
  // The last word is odd, because the generator cannot leave a state of all zeros.
  return [hashText(a, text), hashText(b, text), hashText(c, text), (hashText(d, text) | 1) >>> 0];
}

/** The bare generator: 32-bit outputs from four words of state, which must not all be 0. */
export function createXoshiro128(seed: SeedWords): () => number {
  let [s0, s1, s2, s3] = seed;
  return () => {
    const scrambled = Math.imul(s1, 5);
    const output = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = (s3 << 11) | (s3 >>> 21);
    return output;
  };
}

function fromWords(seed: SeedWords): Random {
  const next = createXoshiro128(seed);
  return {
    uniform: () => ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000,
    integer(bound) {
      if (!Number.isInteger(bound) || bound < 1 || bound > 0x100000000) {
        throw new RangeError(`bound must be an integer from 1 to 2^32, not ${String(bound)}`);
      }
      // Outputs above the largest multiple of the bound would favour small results, so they are drawn again.
      const limit = 0x100000000 - (0x100000000 % bound);
      let drawn = next();
      while (drawn >= limit) drawn = next();
      return drawn % bound;
    },
    fork: (label) => fromWords(derive(seed, `/${label}`)),
  };
}

/** A stream that depends on the seed alone; 1 and "1" are the same seed. */
export function createRandom(seed: number | string): Random {
  return fromWords(derive(startWords, String(seed)));
}
