/**
 * Hand-off: how many slots of a synchronous step each worker owns, so that the step ends as early as its speeds allow.
 *
 * The shortest step of S equal slots is the least T with  Σᵢ ⌊T / tᵢ⌋ ≥ S,  tᵢ being worker i's time for one slot. Slots
 * decide what is computed, not their owners: training gives the same bits however they move.
 */
export interface HandOffFacts {
  /** Member that owns each slot. */
  readonly owners: readonly number[];
  /** Those who can own slots, at least one. */
  readonly members: readonly number[];
  /** Time for a sample, ms, by member; absent: not known, taken for the median. */
  readonly times: ReadonlyMap<number, number>;
}

export interface HandOffDecision {
  readonly kind: "keep" | "change";
  /** Slots of each member. */
  readonly counts: ReadonlyMap<number, number>;
  readonly reason: string;
}

/** A step must become so much shorter, as a share: slots do not move for noise. */
const worthwhile = 0.1;

export function decideHandOff({ owners, members, times }: HandOffFacts): HandOffDecision {
  const before = new Map(members.map((member) => [member, owners.filter((owner) => owner === member).length]));
  const known = members.flatMap((member) => times.get(member) ?? []).toSorted((a, b) => a - b);
  const median = known[Math.floor((known.length - 1) / 2)];
  if (median === undefined || median <= 0) return { kind: "keep", counts: before, reason: "no speed is known" };
  const timeOf = (member: number): number => times.get(member) ?? median;
  const counts = countsOf(members, owners.length, timeOf);
  const [now, then] = [stepTime(before, timeOf), stepTime(counts, timeOf)];
  const reason = `its slowest worker needs ${now.toFixed(2)} ms for a sample of each slot, and would need ${then.toFixed(2)} ms`;
  return then <= (1 - worthwhile) * now ? { kind: "change", counts, reason } : { kind: "keep", counts: before, reason };
}

function countsOf(members: readonly number[], slots: number, timeOf: (member: number) => number): Map<number, number> {
  const fitting = (limit: number): Map<number, number> =>
    // A hair more, so that a limit that is a multiple of a time holds that multiple.
    new Map(members.map((member) => [member, Math.floor((limit * (1 + 1e-9)) / timeOf(member))]));
  const sum = (counts: ReadonlyMap<number, number>): number =>
    [...counts.values()].reduce((all, each) => all + each, 0);
  let low = 0;
  let high = slots * Math.min(...members.map(timeOf));
  for (let halvings = 0; halvings < 50; halvings += 1) {
    const middle = (low + high) / 2;
    if (sum(fitting(middle)) >= slots) high = middle;
    else low = middle;
  }
  const counts = fitting(high);
  for (let spare = sum(counts) - slots; spare > 0; spare -= 1) {
    const [most] = [...counts].toSorted(([, a], [, b]) => b - a)[0] ?? [];
    if (most !== undefined) counts.set(most, (counts.get(most) ?? 0) - 1);
  }
  return counts;
}

function stepTime(counts: ReadonlyMap<number, number>, timeOf: (member: number) => number): number {
  return Math.max(0, ...[...counts].map(([member, count]) => count * timeOf(member)));
}
