/**
 * A key that signs claims for NATS, by the platform's Ed25519: a pass is signed for every client every few minutes, and
 * for whoever asks, on the thread that all connections go through. NATS' own library does it in JavaScript, a hundred times
 * as long.
 *
 *   name = base32(prefix ‖ public key (32 bytes) ‖ CRC-16/XMODEM of both, little-endian)
 *
 * Sources  RFC 8032 (Ed25519); NATS, nkeys.
 */
import { generateKeyPairSync, sign } from "node:crypto";

export interface NatsSigner {
  /** The public key as NATS writes it. */
  readonly name: string;
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** First byte of a name; makes "O" or "A" of its first letter. */
const prefixes = { operator: 14 << 3, account: 0 } as const;

export function createNatsSigner(role: "operator" | "account"): NatsSigner {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  const body = Buffer.concat([Buffer.of(prefixes[role]), Buffer.from(x, "base64url")]);
  const check = checksumOf(body);
  const name = base32(Buffer.concat([body, Buffer.of(check & 0xff, check >> 8)]));
  return { name, sign: (message) => sign(null, message, privateKey) };
}

function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum & 0x8000) === 0 ? sum << 1 : ((sum << 1) ^ 0x1021) & 0xffff;
  }
  return sum;
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648, without padding; 35 bytes are 56 letters. */
function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{5}/g) ?? []).map((five) => letters[Number.parseInt(five, 2)]).join("");
}
