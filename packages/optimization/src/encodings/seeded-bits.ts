/** Random bits that two machines draw alike: integers only, from one seed. */

/**
 * A SplitMix with a state of 32 bits: a Weyl sequence through a finaliser.
 *
 * Sources  Steele, Lea, Flood, OOPSLA 2014; the finaliser's constants are MurmurHash3's.
 * @returns the next uint32 at each call
 */
export function createBits(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    return finalised(state);
  };
}

/** One seed of two numbers. @param draw - an integer ≥ 0, up to 2^53 */
export function mixedSeed(seed: number, draw: number): number {
  const high = Math.floor(draw / 2 ** 32);
  return finalised((finalised((finalised(seed ^ 0x85eb_ca6b) ^ draw) >>> 0) + high) >>> 0);
}

function finalised(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
