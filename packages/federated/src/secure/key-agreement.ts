/**
 * Key pairs and what two of them agree on, through WebCrypto: P-256 everywhere, X25519 where the platform has it.
 *
 * Secret keys can be taken out, because they are shared among neighbours (as 32 bytes). No secret is used as it is: masks
 * and seals have keys of their own, by HKDF over what was agreed on, with the session as salt.
 *
 * Sources  NIST SP 800-56A; RFC 7748 (X25519); RFC 5869 (HKDF).
 */
import { ShoalError } from "@shoal/errors";
import { secureProtocol } from "./messages.ts";
import { compressPoint, expandPoint } from "./p256-point.ts";

export type Bytes = Uint8Array<ArrayBuffer>;
export type Curve = "P-256" | "X25519";

export interface KeyPair {
  readonly curve: Curve;
  /** 33 bytes of P-256, compressed; 32 of X25519. */
  readonly publicKey: Bytes;
  readonly secretKey: CryptoKey;
}

/** Bytes of a public key on the wire. */
export const publicKeyBytes: Readonly<Record<Curve, number>> = { "P-256": 33, X25519: 32 };
/** Bytes of every secret that is shared: keys of both curves, seeds. */
export const secretBytes = 32;

const algorithmOf = (curve: Curve): EcKeyImportParams | { readonly name: "X25519" } =>
  curve === "P-256" ? { name: "ECDH", namedCurve: "P-256" } : { name: "X25519" };

export async function generateKeyPair(subtle: SubtleCrypto, curve: Curve): Promise<KeyPair> {
  const pair = (await subtle.generateKey(algorithmOf(curve), true, ["deriveBits"])) as CryptoKeyPair;
  const raw = new Uint8Array(await subtle.exportKey("raw", pair.publicKey));
  return { curve, publicKey: curve === "P-256" ? compressPoint(raw) : raw, secretKey: pair.privateKey };
}

/** True where the platform has the curve: X25519 came to browsers from 2023 to 2025. */
export async function hasCurve(subtle: SubtleCrypto, curve: Curve): Promise<boolean> {
  try {
    await subtle.generateKey(algorithmOf(curve), false, ["deriveBits"]);
    return true;
  } catch {
    return false;
  }
}

/** The secret key as 32 bytes. */
export async function exportSecret(subtle: SubtleCrypto, pair: KeyPair): Promise<Bytes> {
  const { d = "" } = await subtle.exportKey("jwk", pair.secretKey);
  return fromBase64Url(d);
}

/**
 * A key pair from its parts. That they belong together is for the caller to check (`agreesWith`): platforms differ in
 * whether they do.
 * @throws ShoalError codec_failed
 */
export async function importKeyPair(
  subtle: SubtleCrypto,
  curve: Curve,
  secret: Bytes,
  publicKey: Bytes,
): Promise<KeyPair> {
  const point = curve === "P-256" ? expandPoint(publicKey) : publicKey;
  const jwk: JsonWebKey =
    curve === "P-256"
      ? { kty: "EC", crv: curve, x: toBase64Url(point.subarray(1, 33)), y: toBase64Url(point.subarray(33)) }
      : { kty: "OKP", crv: curve, x: toBase64Url(point) };
  try {
    const key = await subtle.importKey("jwk", { ...jwk, d: toBase64Url(secret) }, algorithmOf(curve), true, [
      "deriveBits",
    ]);
    return { curve, publicKey, secretKey: key };
  } catch (error) {
    throw new ShoalError("codec_failed", `not a secret key of ${curve}`, { curve }, { cause: error });
  }
}

/** What both ends compute: 32 bytes, never to be used as they are. @throws ShoalError codec_failed - for no public key */
export async function agree(subtle: SubtleCrypto, own: KeyPair, publicKey: Uint8Array): Promise<Bytes> {
  const point = own.curve === "P-256" ? expandPoint(publicKey) : new Uint8Array(publicKey);
  try {
    const other = await subtle.importKey("raw", point, algorithmOf(own.curve), true, []);
    const name = own.curve === "P-256" ? "ECDH" : "X25519";
    return new Uint8Array(await subtle.deriveBits({ name, public: other }, own.secretKey, 256));
  } catch (error) {
    throw new ShoalError("codec_failed", `not a public key of ${own.curve}`, { curve: own.curve }, { cause: error });
  }
}

/** Points of X25519 with which every secret key agrees on zeros: platforms refuse them. RFC 7748, section 6.1; u modulo p. */
const weakPoints: readonly bigint[] = [
  0n,
  1n,
  2n ** 255n - 20n,
  0xb8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn,
];

/**
 * Whether others can agree on something with it: who is sent a roster with a key that is none has to leave, and would for
 * nothing that it has done.
 */
export function isPublicKey(curve: Curve, publicKey: Uint8Array): boolean {
  if (publicKey.length !== publicKeyBytes[curve]) return false;
  if (curve === "X25519") {
    // Little-endian, the highest bit is not looked at.
    const u = publicKey.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n) % 2n ** 255n;
    return !weakPoints.includes(u % (2n ** 255n - 19n));
  }
  try {
    expandPoint(publicKey);
    return true;
  } catch {
    return false;
  }
}

/** True if the pair's secret key belongs to its public key: both ways round they agree with a fresh pair. */
export async function agreesWith(subtle: SubtleCrypto, pair: KeyPair, fresh: KeyPair): Promise<boolean> {
  const [one, other] = await Promise.all([agree(subtle, pair, fresh.publicKey), agree(subtle, fresh, pair.publicKey)]);
  return one.every((byte, index) => byte === other[index]);
}

/** What a derived key is for; part of its derivation. */
export type Purpose = "pair-mask" | "self-mask" | "seal";

/** HKDF-SHA-256: a key of AES-256 that nobody can take out. @param secret - 32 bytes, borrowed @param session - 32 bytes */
export async function deriveKey(
  subtle: SubtleCrypto,
  secret: Bytes,
  session: Bytes,
  purpose: Purpose,
): Promise<CryptoKey> {
  const base = await subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode(`${secureProtocol} ${purpose}`);
  const target = { name: purpose === "seal" ? "AES-GCM" : "AES-CTR", length: 256 };
  const usages: KeyUsage[] = purpose === "seal" ? ["encrypt", "decrypt"] : ["encrypt"];
  return await subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt: session, info }, base, target, false, usages);
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function fromBase64Url(text: string): Bytes {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}
