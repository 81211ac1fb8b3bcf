/** Which worker computes which slots of a synchronous step. */

/**
 * Deals `slots` to `workers`: numbers of slots differ by at most one, or are the `wanted` ones, and as few slots as
 * possible change hands. What the result of training is does not depend on it.
 *
 * @param previous owner of each slot so far; empty at first
 * @param workers member numbers of those who can own slots, at least one
 * @param wanted slots of each worker, `slots` in all; absent: evenly
 * @returns owner of each slot
 */
export function assignSlots(
  previous: readonly number[],
  slots: number,
  workers: readonly number[],
  wanted?: ReadonlyMap<number, number>,
): readonly number[] {
  if (workers.length === 0) throw new RangeError("expected at least one worker to own slots, got none");
  const kept = new Map<number, number[]>(workers.map((worker) => [worker, []]));
  for (let slot = 0; slot < slots; slot += 1) kept.get(previous[slot] ?? -1)?.push(slot);
  // Those who hold most keep most: that moves the fewest slots.
  const byHolding = workers.toSorted((a, b) => (kept.get(b)?.length ?? 0) - (kept.get(a)?.length ?? 0) || a - b);
  const base = Math.floor(slots / workers.length);
  const even = new Map(byHolding.map((worker, rank) => [worker, base + (rank < slots % workers.length ? 1 : 0)]));
  const quota = wanted ?? even;
  const owners = Array.from({ length: slots }, () => -1);
  const room: number[] = [];
  for (const worker of workers.toSorted((a, b) => a - b)) {
    const allowed = quota.get(worker) ?? 0;
    const own = (kept.get(worker) ?? []).slice(0, allowed);
    for (const slot of own) owners[slot] = worker;
    room.push(...Array.from({ length: allowed - own.length }, () => worker));
  }
  let next = 0;
  return owners.map((owner) => (owner === -1 ? (room[next++] ?? -1) : owner));
}
