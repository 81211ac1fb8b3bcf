/** What must not be guessed: noise that hides people, and the coins that say who is in a round. From no seed. */
import { createRandomBits, systemRandomBytes, type RandomBits } from "@shoal/federated";

let bits: RandomBits | undefined;

export function secrets(): RandomBits {
  bits ??= createRandomBits(systemRandomBytes);
  return bits;
}

/** @returns true with this chance */
export function tossCoin(chance: number, random: RandomBits = secrets()): boolean {
  return random.word53() < chance * 2 ** 53;
}
