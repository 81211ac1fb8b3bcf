/**
 * A client's key in the form that NATS gives it ("nkey"): base32 without padding of
 *
 *   seed         0x90 | 0xa0 >> 5, (0xa0 & 31) << 3, 32 secret bytes, their CRC-16/XMODEM in little endian: "SU…"
 *   public key   0xa0, the 32 bytes of the Ed25519 key, CRC: "U…"
 *
 * where 0x90 stands for a seed, 0xa0 for a user.
 * Source  RFC 4648, section 6 (base32); the documentation of nkeys.
 */
import { ShoalError } from "@shoal/errors";
import { systemRandomBytes } from "@shoal/federated";
import { openSigningKey } from "./signing-key.ts";

export interface ClientKey {
  /** "U" and 55 more letters and digits. */
  readonly publicKey: string;
  /** The signature in base64. */
  sign(text: string): Promise<string>;
}

const secretBytes = 32;
const seedHead = [0x90 | (0xa0 >> 5), (0xa0 & 31) << 3] as const;
const userHead = [0xa0] as const;
const checkBytes = 2;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A key for a new client; whoever has it is that client. */
export function createClientKey(): string {
  const secret = new Uint8Array(secretBytes);
  systemRandomBytes(secret);
  return encodeKey(seedHead, secret);
}

/** @throws ShoalError invalid_argument - no seed of a user's key */
export async function openClientKey(seed: string): Promise<ClientKey> {
  const key = await openSigningKey(readSeed(seed));
  return {
    publicKey: encodeKey(userHead, key.publicBytes),
    sign: async (text) => btoa(String.fromCharCode(...(await key.sign(new TextEncoder().encode(text))))),
  };
}

function readSeed(seed: string): Uint8Array<ArrayBuffer> {
  const begin = seedHead.length;
  const secret = decodeBase32(seed).slice(begin, begin + secretBytes);
  // The same again, or it was none; what it was is nobody's business.
  if (secret.length === secretBytes && encodeKey(seedHead, secret) === seed) return secret;
  throw new ShoalError("invalid_argument", "this is no key of a client: createClientKey makes one", { field: "seed" });
}

function encodeKey(head: readonly number[], bytes: Uint8Array): string {
  const key = Uint8Array.of(...head, ...bytes, 0, 0);
  const checkAt = key.length - checkBytes;
  new DataView(key.buffer).setUint16(checkAt, crc16(key.subarray(0, checkAt)), true);
  return encodeBase32(key);
}

/** x¹⁶ + x¹² + x⁵ + 1, from 0. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

function encodeBase32(bytes: Uint8Array): string {
  let [text, bits, count] = ["", 0, 0];
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    for (count += 8; count >= 5; count -= 5) text += alphabet[(bits >> (count - 5)) & 31] ?? "";
  }
  return count === 0 ? text : text + (alphabet[(bits << (5 - count)) & 31] ?? "");
}

/** Of letters that are none the result is none, either. */
function decodeBase32(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let [bits, count, at] = [0, 0, 0];
  for (const letter of text) {
    bits = ((bits << 5) | alphabet.indexOf(letter)) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes[at++] = bits >> count;
  }
  return bytes;
}
