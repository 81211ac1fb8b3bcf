/** What must not be guessed: noise that hides people, and the coins that say who is in a round. From no seed. */
import { createRandomBits, hexOf, systemRandomBytes, type RandomBits } from "@shoal/federated";

let bits: RandomBits | undefined;

export function secrets(): RandomBits {
  bits ??= createRandomBits(systemRandomBytes);
  return bits;
}

/** @returns 16 bytes, hex: what is hashed with it cannot be found by trying */
export function drawSalt(): string {
  const bytes = new Uint8Array(16);
  systemRandomBytes(bytes);
  return hexOf(bytes);
}

/** @returns true with this chance */
export function tossCoin(chance: number, random: RandomBits = secrets()): boolean {
  return random.word53() < chance * 2 ** 53;
}
