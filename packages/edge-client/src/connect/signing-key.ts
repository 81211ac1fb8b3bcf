/**
 * Ed25519: by the platform where it knows how to (Chrome from 137 on, Firefox from 129, Safari from 17, Node), else in
 * JavaScript that is loaded then. Both give the same signatures, because those of Ed25519 hold no randomness.
 *
 * Source  RFC 8032 (Ed25519), RFC 8410 (its private keys as PKCS #8), RFC 8037 (as JSON web keys).
 */

export interface SigningKey {
  readonly publicBytes: Uint8Array;
  /** @returns 64 bytes */
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

/** What stands before the 32 secret bytes: version 0, algorithm 1.3.101.112, an octet string in an octet string. */
const pkcs8Head = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32] as const;

/**
 * @param secret - 32 bytes, borrowed
 * @param subtle - the platform's; undefined where a page has none (no https)
 */
export async function openSigningKey(
  secret: Uint8Array,
  subtle: SubtleCrypto | undefined = globalThis.crypto.subtle,
): Promise<SigningKey> {
  try {
    if (subtle !== undefined) return await openPlatformKey(secret, subtle);
  } catch {
    // It does not know Ed25519.
  }
  return openPortableKey(secret);
}

async function openPlatformKey(secret: Uint8Array, subtle: SubtleCrypto): Promise<SigningKey> {
  const key = await subtle.importKey("pkcs8", Uint8Array.of(...pkcs8Head, ...secret), "Ed25519", true, ["sign"]);
  const { x } = await subtle.exportKey("jwk", key);
  if (x === undefined) throw new TypeError("this platform does not tell a public key");
  const letters = atob(x.replaceAll("-", "+").replaceAll("_", "/"));
  return {
    publicBytes: Uint8Array.from(letters, (letter) => letter.charCodeAt(0)),
    sign: async (message) => new Uint8Array(await subtle.sign("Ed25519", key, message)),
  };
}

async function openPortableKey(secret: Uint8Array): Promise<SigningKey> {
  const { default: nacl } = await import("tweetnacl");
  const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(secret);
  return { publicBytes: publicKey, sign: async (message) => nacl.sign.detached(message, secretKey) };
}
