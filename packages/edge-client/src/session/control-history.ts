/**
 * What a client's control was after its rounds, as far as it may be needed again: pure.
 *
 * An entry names the round that was built on it: so it is known which rounds it stands for where others have been left out.
 * Invariant  for each round that the run may go back to, the newest entry that was there after it is kept.
 */
import type { ControlOffer, RoundOffer } from "@shoal/federated";

export interface ControlEntry {
  /** After this round; 0: before the first. */
  readonly round: number;
  /** The client's round that began with it; null: none yet. */
  readonly next: number | null;
  /** float32; null: zeros. */
  readonly both: Uint8Array | null;
}

export interface ControlHistory {
  readonly task: string;
  readonly epoch: number;
  /** Oldest first. */
  readonly entries: readonly ControlEntry[];
}

type Offer = Pick<RoundOffer, "round"> & { readonly control: ControlOffer };

export function beginning(task: string, epoch: number): ControlHistory {
  return { task, epoch, entries: [{ round: 0, next: null, both: null }] };
}

/**
 * What a round begins with; a round that is trained again begins alike.
 * @param isConfirmed - whether the newest round's contribution was answered as taken
 * @returns undefined where the run has gone back further than is kept, or to an epoch before this one
 */
export function entryBefore(
  { entries, epoch }: ControlHistory,
  { round, control }: Offer,
  isConfirmed: (round: number) => boolean,
): ControlEntry | undefined {
  if (epoch > control.epoch) return undefined;
  const newest = entries.at(-1)?.round;
  const counts = (each: number): boolean => {
    if (each === 0) return true;
    if (each === round || control.undone.some(([after, until]) => each > after && each <= until)) return false;
    // What a later round has begun with did count.
    if (each !== newest) return true;
    return !control.uncounted.includes(each) && (control.counted.includes(each) || isConfirmed(each));
  };
  return entries.findLast(({ round: each, next }) => counts(each) && (next === null || !counts(next)));
}

/** @param both - what the round leaves, kept @returns without what cannot be needed again */
export function withEntry(
  history: ControlHistory,
  offer: Offer,
  isConfirmed: (round: number) => boolean,
  both: Uint8Array,
): ControlHistory {
  const { round, control } = offer;
  const begun = entryBefore(history, offer, isConfirmed);
  if (begun === undefined) return history;
  const older = history.entries.filter((each) => each.round < begun.round);
  const needed = older.filter((each) => control.restorable.some((back) => standsFor(each, back)));
  return { ...history, entries: [...needed, { ...begun, next: round }, { round, next: null, both }] };
}

function standsFor({ round, next }: ControlEntry, back: number): boolean {
  return round <= back && (next === null || back < next);
}
