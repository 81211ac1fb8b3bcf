/**
 * Hand-off: how many slots of a synchronous step each worker owns, so that the step ends as early as its speeds allow.
 *
 * Slots decide what is computed, not their owners: training gives the same bits however they move.
 */
import { shareOut } from "./share-out.ts";

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
  const counts = shareOut(members, owners.length, timeOf);
  const [now, then] = [stepTime(before, timeOf), stepTime(counts, timeOf)];
  const reason = `its slowest worker needs ${now.toFixed(2)} ms for a sample of each slot, and would need ${then.toFixed(2)} ms`;
  return then <= (1 - worthwhile) * now ? { kind: "change", counts, reason } : { kind: "keep", counts: before, reason };
}

function stepTime(counts: ReadonlyMap<number, number>, timeOf: (member: number) => number): number {
  return Math.max(0, ...[...counts].map(([member, count]) => count * timeOf(member)));
}
