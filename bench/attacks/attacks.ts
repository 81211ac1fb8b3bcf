/** What clients that lie send, and what they train on. */
import { createRandom } from "@shoal/actors";

export type AttackName = "none" | "sign flip" | "noise" | "label flip" | "not a number" | "times 100";

export const attackNames: readonly AttackName[] = [
  ...(["none", "sign flip", "noise", "label flip", "not a number", "times 100"] as const),
];

/** Standard deviation of the noise that is sent in place of an update; honest updates have elements of about 0.01. */
const noiseDeviation = 1;

/** What a lying client sends in place of its update. A flip of labels is in its data: the update is sent as it is. */
export function attackedUpdate(attack: AttackName, update: Float32Array, seed: string): Float32Array {
  switch (attack) {
    case "none":
    case "label flip":
      return update;
    case "sign flip":
      return update.map((value) => -value);
    case "noise":
      return noiseLike(update, seed);
    case "not a number":
      return update.map((value, key) => (key === 0 ? NaN : value));
    case "times 100":
      return update.map((value) => 100 * value);
  }
}

/** Normal numbers, by Box and Muller. */
function noiseLike(update: Float32Array, seed: string): Float32Array {
  const draws = createRandom(seed);
  return update.map(() => {
    const radius = Math.sqrt(-2 * Math.log(1 - draws.uniform()));
    return noiseDeviation * radius * Math.cos(2 * Math.PI * draws.uniform());
  });
}
