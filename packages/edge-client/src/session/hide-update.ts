/** What hides an update on this device: clipping, and the noise of local privacy. */
import { clipScale, createRandomBits, makePrivate, squaredNormOf, type RandomBytes } from "@shoal/federated";

/**
 * Δ·min(1, C/‖Δ‖), with the noise of local privacy where the task wants it.
 * @param update - overwritten @param clip - null: as it is @param deviation - of the noise; 0: none
 */
export function hideUpdate(
  update: Float32Array,
  clip: number | null,
  deviation: number,
  randomBytes: RandomBytes,
): void {
  const scale = clip === null ? 1 : clipScale(Math.sqrt(squaredNormOf(update)), clip);
  makePrivate(update, scale, deviation, createRandomBits(randomBytes));
}
