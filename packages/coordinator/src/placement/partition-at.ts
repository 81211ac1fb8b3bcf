/** Key ranges whose borders must not cut a parameter. */
import type { KeyRange } from "@shoal/protocol";

/**
 * Cuts `[0, size)` at no other keys than `cuts` into at most `shards` ranges, none of them empty. Each border is the
 * cut nearest to where an even share would end: a range is at most the largest parameter longer than that share, so one
 * great embedding table bounds the balance.
 *
 * @param cuts ascending, within (0, size)
 */
export function partitionAt(size: number, shards: number, cuts: readonly number[]): readonly KeyRange[] {
  const borders: number[] = [];
  for (let share = 1; share < shards; share++) {
    const wanted = (size * share) / shards;
    const nearest = cuts.reduce<number | undefined>(
      (best, cut) => (best === undefined || Math.abs(cut - wanted) < Math.abs(best - wanted) ? cut : best),
      undefined,
    );
    if (nearest !== undefined && nearest > (borders.at(-1) ?? 0)) borders.push(nearest);
  }
  return [...borders, size].map((end, index) => ({ begin: borders[index - 1] ?? 0, end }));
}
