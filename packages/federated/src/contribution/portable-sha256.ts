/**
 * SHA-256 for platforms that have none which answers at once: browsers. Ours, since clients load it: a quarter of what a library
 * takes that also hashes piece by piece and in other ways.
 *
 * Source  FIPS 180-4, sections 4.1.2, 4.2.2, 5.1.1, 5.3.3 and 6.2.
 */
const blockBytes = 64;
const rounds = 64;

function firstPrimes(count: number): readonly number[] {
  const primes: number[] = [];
  for (let next = 2; primes.length < count; next += 1) {
    if (primes.every((prime) => next % prime !== 0)) primes.push(next);
  }
  return primes;
}

/** Its first 32 bits: the same for every root used here that is right to twelve digits. */
const fractionOf = (root: number): number => Math.floor((root % 1) * 2 ** 32);

const primes = firstPrimes(rounds);
const beginning = Int32Array.from(primes.slice(0, 8), (prime) => fractionOf(Math.sqrt(prime)));
const constants = Int32Array.from(primes, (prime) => fractionOf(Math.cbrt(prime)));

/** Borrows `content`, which may lie in shared memory. */
export function portableSha256(content: Uint8Array): Uint8Array {
  const state = beginning.slice();
  const { length } = content;
  const rest = length % blockBytes;
  absorb(state, new DataView(content.buffer, content.byteOffset, length - rest));
  absorb(state, paddingOf(content.subarray(length - rest), length));
  const digest = new DataView(new ArrayBuffer(state.byteLength));
  for (const [index, word] of state.entries()) digest.setInt32(4 * index, word);
  return new Uint8Array(digest.buffer);
}

/** The last bytes, a one, zeros up to whole blocks, and the length of it all in bits. */
function paddingOf(rest: Uint8Array, length: number): DataView {
  const bytes = new Uint8Array(rest.length + 9 > blockBytes ? 2 * blockBytes : blockBytes);
  bytes.set(rest);
  bytes[rest.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setBigUint64(bytes.length - 8, BigInt(length) * 8n);
  return view;
}

const turned = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

/** @param blocks - whole ones */
function absorb(state: Int32Array, blocks: DataView): void {
  const words = new Int32Array(rounds);
  for (let at = 0; at < blocks.byteLength; at += blockBytes) {
    for (let index = 0; index < 16; index += 1) words[index] = blocks.getInt32(at + 4 * index);
    for (let index = 16; index < rounds; index += 1) {
      const early = words[index - 15] ?? 0;
      const late = words[index - 2] ?? 0;
      const small0 = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
      const small1 = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
      words[index] = (words[index - 16] ?? 0) + small0 + (words[index - 7] ?? 0) + small1;
    }
    compress(state, words);
  }
}

function compress(state: Int32Array, words: Int32Array): void {
  // Read one by one: destructuring would go through an iterator.
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  let f = state[5] ?? 0;
  let g = state[6] ?? 0;
  let h = state[7] ?? 0;
  for (let index = 0; index < rounds; index += 1) {
    const large1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const chosen = (e & f) ^ (~e & g);
    const first = (h + large1 + chosen + (constants[index] ?? 0) + (words[index] ?? 0)) | 0;
    const large0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + large0 + majority) | 0;
  }
  const sums = [a, b, c, d, e, f, g, h];
  for (let index = 0; index < sums.length; index += 1) state[index] = (state[index] ?? 0) + (sums[index] ?? 0);
}
