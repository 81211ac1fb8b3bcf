/**
 * Who a client is, beyond this session: signatures on session keys. Without them a server could put keys of its own in
 * the place of a client's and read along; with them it can only leave clients out.
 */
import type { Bytes } from "./key-agreement.ts";
import { secureProtocol, type AdvertisedKeys, type SecureSettings } from "./messages.ts";
import { joinBytes } from "./session-id.ts";

/** A port: keys of identities come from the task's authority, not from the server of the sum. */
export interface Identity {
  sign(message: Bytes): Promise<Uint8Array>;
  /** False also for a client that is not known. */
  verify(client: string, message: Bytes, signature: Uint8Array): Promise<boolean>;
}

/** What a client signs: its keys in this one sum and in no other. */
export function signedMessage({ name }: Pick<SecureSettings, "name">, keys: Omit<AdvertisedKeys, "signature">): Bytes {
  const text = new TextEncoder();
  const names = [`${secureProtocol} keys`, name, keys.client].map((each) => text.encode(each));
  return joinBytes([...names, keys.maskKey, keys.sealKey, keys.seedHash]);
}

const ecdsa = { name: "ECDSA", hash: "SHA-256" };

/** Identities with ECDSA on P-256. @param publicKeyOf - undefined for a client that is not known */
export function createEcdsaIdentity(
  subtle: SubtleCrypto,
  own: CryptoKey,
  publicKeyOf: (client: string) => CryptoKey | undefined,
): Identity {
  return {
    sign: async (message) => new Uint8Array(await subtle.sign(ecdsa, own, message)),
    async verify(client, message, signature) {
      const key = publicKeyOf(client);
      return key !== undefined && (await subtle.verify(ecdsa, key, new Uint8Array(signature), message));
    },
  };
}
