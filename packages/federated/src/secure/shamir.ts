/**
 * Shamir's secret sharing: any `threshold` shares give the secret, fewer say nothing about it.
 *
 *   a secret is cut into limbs of 31 bits (big-endian, the last one full); each is f(0) of a random polynomial f of degree
 *   threshold − 1 over the integers modulo p = 2³¹ + 11; the share of point x is f(x) of all limbs, 4 bytes each
 *   f(0) = Σ_i f(x_i) · Π_{j ≠ i} x_j/(x_j − x_i)
 *
 * 32 bytes are 9 limbs, so a share has 36 bytes.
 *
 * Source  Shamir, CACM 22(11), 1979. Field and limbs are those of google-parfait's secure aggregation, for its known answers.
 */
import { ShoalError } from "@shoal/errors";
import type { RandomBits } from "../privacy/random-bits.ts";

export interface Share {
  /** x: a whole number from 1 on. */
  readonly point: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const prime = 2 ** 31 + 11;
const limbBits = 31n;

/** Bytes of a share of a secret of so many bytes. */
export function shareBytes(secretBytes: number): number {
  return 4 * Math.ceil((8 * secretBytes) / Number(limbBits));
}

/** Borrows `secret`. @param points - one a share, all different @param threshold - 2 … points */
export function splitSecret(
  secret: Uint8Array,
  threshold: number,
  points: readonly number[],
  random: RandomBits,
): readonly Share[] {
  if (threshold < 2 || threshold > points.length) {
    throw new RangeError(`threshold must be 2 … ${points.length} shares, got ${threshold}`);
  }
  if (new Set(points).size < points.length || !points.every(isPoint))
    throw new RangeError("points must be whole, positive and different");
  const polynomials = limbsOf(secret).map((limb) => [
    limb,
    ...Array.from({ length: threshold - 1 }, () => random.below(prime)),
  ]);
  return points.map((point) => {
    const bytes = new Uint8Array(4 * polynomials.length);
    const view = new DataView(bytes.buffer);
    polynomials.forEach((polynomial, limb) => view.setUint32(4 * limb, valueAt(polynomial, point)));
    return { point, bytes };
  });
}

/**
 * Borrows the shares. What comes out of wrong shares is wrong: who joins must check the secret.
 * @param shares - as many as the threshold, or more
 * @throws ShoalError codec_failed - for shares that belong to no secret of this length
 */
export function joinShares(shares: readonly Share[], secretBytes: number): Uint8Array<ArrayBuffer> {
  const points = shares.map(({ point }) => point);
  const length = shareBytes(secretBytes);
  if (
    new Set(points).size < points.length ||
    !points.every(isPoint) ||
    shares.some(({ bytes }) => bytes.length !== length)
  ) {
    throw new ShoalError("codec_failed", `expected shares of ${length} bytes at different points`, {
      shares: shares.length,
    });
  }
  const factors = points.map((x) =>
    points.reduce(
      (product, other) => (other === x ? product : times(product, times(other, inverse(modulo(other - x))))),
      1,
    ),
  );
  const views = shares.map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  const limbs = Array.from({ length: length / 4 }, (_, limb) =>
    views.reduce((sum, view, i) => (sum + times(view.getUint32(4 * limb), factors[i] ?? 0)) % prime, 0),
  );
  return bytesOf(limbs, secretBytes);
}

/** a·b modulo p, a and b below 2^32: no product in it leaves 2^53. */
function times(a: number, b: number): number {
  const high = ((a % prime) * (b >>> 16)) % prime;
  return (high * 0x1_0000 + (a % prime) * (b & 0xffff)) % prime;
}

const modulo = (value: number): number => ((value % prime) + prime) % prime;
const isPoint = (point: number): boolean => Number.isInteger(point) && point >= 1 && point < prime;

/** By Fermat: x^(p − 2). */
function inverse(x: number): number {
  let [result, power] = [1, x];
  for (let exponent = prime - 2; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) result = times(result, power);
    power = times(power, power);
  }
  return result;
}

function valueAt(polynomial: readonly number[], x: number): number {
  return polynomial.reduceRight((sum, coefficient) => (times(sum, x) + coefficient) % prime, 0);
}

function limbsOf(secret: Uint8Array): number[] {
  let rest = secret.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const limbs: number[] = [];
  for (let limb = shareBytes(secret.length) / 4; limb > 0; limb--) {
    limbs.unshift(Number(BigInt.asUintN(31, rest)));
    rest >>= limbBits;
  }
  return limbs;
}

function bytesOf(limbs: readonly number[], secretBytes: number): Uint8Array<ArrayBuffer> {
  let value = 0n;
  for (const limb of limbs) {
    if (limb >= 2 ** 31) throw new ShoalError("codec_failed", "the shares belong to no secret: a limb exceeds 31 bits");
    value = (value << limbBits) | BigInt(limb);
  }
  if (value >> BigInt(8 * secretBytes) !== 0n) {
    throw new ShoalError("codec_failed", `the shares belong to no secret of ${secretBytes} bytes`, { secretBytes });
  }
  const bytes = new Uint8Array(secretBytes);
  for (let index = secretBytes - 1; index >= 0; index--, value >>= 8n) bytes[index] = Number(value & 255n);
  return bytes;
}
