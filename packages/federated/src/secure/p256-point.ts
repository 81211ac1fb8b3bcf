/**
 * Public keys of P-256 as 33 bytes: the sign of y, then x. Not every browser reads this form, so y is computed here.
 *
 *   y² = x³ − 3x + b (mod p);   y = (y²)^((p + 1)/4), because p ≡ 3 (mod 4)
 *
 * A point that is not on the curve has no such root: it is refused, which is what protects a private key from points of
 * other curves. Nothing secret is computed with, so that time may depend on it.
 *
 * Sources  SEC 1 v2.0, section 2.3; NIST SP 800-186, section 3.2.1.3.
 */
import { ShoalError } from "@shoal/errors";

const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const b = 0x5ac635d8_aa3a93e7_b3ebbd55_769886bc_651d06b0_cc53b0f6_3bce3c3e_27d2604bn;

/** @param point - 65 bytes: 4, x, y; borrowed */
export function compressPoint(point: Uint8Array): Uint8Array<ArrayBuffer> {
  const compressed = new Uint8Array(33);
  compressed[0] = 2 + ((point[64] ?? 0) & 1);
  compressed.set(point.subarray(1, 33), 1);
  return compressed;
}

/** @returns 65 bytes: 4, x, y @throws ShoalError codec_failed - for what is no point of the curve */
export function expandPoint(compressed: Uint8Array): Uint8Array<ArrayBuffer> {
  const sign = compressed[0] ?? 0;
  if (compressed.length !== 33 || (sign !== 2 && sign !== 3)) throw refusal("expected 33 bytes that begin with 2 or 3");
  const x = compressed.subarray(1).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  if (x >= p) throw refusal("x exceeds the field");
  const square = (((x * x - 3n) % p) * x + b) % p;
  let y = power((square + p) % p, (p + 1n) / 4n);
  if ((y * y - square) % p !== 0n) throw refusal("no point of the curve has this x");
  if (Number(y & 1n) !== sign - 2) y = p - y;
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(compressed.subarray(1), 1);
  for (let index = 64; index > 32; index--, y >>= 8n) point[index] = Number(y & 255n);
  return point;
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % p;
    square = (square * square) % p;
  }
  return result;
}

const refusal = (why: string): ShoalError => new ShoalError("codec_failed", `not a public key of P-256: ${why}`);
