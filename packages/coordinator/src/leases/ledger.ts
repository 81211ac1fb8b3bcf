/**
 * The ledger of a run's batches: which are done, which are leased to whom, which are free.
 *
 * Boundary  Knows numbers of batches only; how many to lease is decided in `lease-size.ts`. Synchronous runs lease
 *           nothing and use the ledger for what is done.
 * Bounds    One lease a holder; as many ranges as leases and their returned rests leave.
 * Invariants
 *   G1  done, free and the remains of the leases are disjoint, and their union is [0, total).
 *   G2  done only grows. A batch counts once, however often and by whomever it is reported.
 *   G3  a lease without remains is gone: its holder can have another.
 *   G4  `returned` is what is free and was leased before: some shards may have it.
 */
import { agreeing } from "@shoal/errors";
import type { BatchRange } from "@shoal/protocol";
import { addRange, countOf, subtractRange, subtractSet, type IntervalSet } from "./interval-set.ts";

/** A member in one of its lives. */
export interface Holder {
  readonly member: number;
  readonly incarnation: number;
}

export interface Lease extends Holder {
  /** What of it is not done. */
  readonly remaining: IntervalSet;
  /** Some of it was in the hands of another holder before (G4). */
  readonly isTakenOver: boolean;
  /** The holder measures the test split before it starts. */
  readonly evaluateFirst: boolean;
}

export interface Ledger {
  readonly total: number;
  readonly done: IntervalSet;
  readonly doneCount: number;
  readonly free: IntervalSet;
  readonly returned: IntervalSet;
  readonly leases: readonly Lease[];
}

export type GrantDecision =
  | {
      readonly kind: "granted";
      readonly ledger: Ledger;
      readonly batches: BatchRange;
      readonly isTakenOver: boolean;
      readonly evaluateFirst: boolean;
    }
  /** Nothing is free, something is leased. */
  | { readonly kind: "pending"; readonly reason: string }
  /** Everything is done. */
  | { readonly kind: "exhausted"; readonly reason: string };

export function createLedger(total: number): Ledger {
  return { total, done: [], doneCount: 0, free: addRange([], { begin: 0, end: total }), returned: [], leases: [] };
}

export function isComplete(ledger: Ledger): boolean {
  return ledger.doneCount === ledger.total;
}

export function allDoneText(batches: number): string {
  return agreeing(batches, "its only batch is done", `all ${batches} batches are done`);
}

export function leaseOf(ledger: Ledger, holder: Holder): Lease | undefined {
  return ledger.leases.find((lease) => lease.member === holder.member && lease.incarnation === holder.incarnation);
}

/**
 * Decides which batches a worker that has nothing to do gets: what remains of its lease (its last answer was lost), else
 * the first free ones.
 *
 * @param size batches wanted, at least 1
 */
export function grant(ledger: Ledger, holder: Holder, size: number, evaluateFirst: boolean): GrantDecision {
  const held = leaseOf(ledger, holder);
  const rest = held?.remaining[0];
  if (held !== undefined && rest !== undefined) {
    return { kind: "granted", ledger, batches: rest, isTakenOver: held.isTakenOver, evaluateFirst: held.evaluateFirst };
  }
  if (isComplete(ledger)) return { kind: "exhausted", reason: allDoneText(ledger.total) };
  const first = ledger.free[0];
  if (first === undefined) {
    const names = ledger.leases.map((lease) => lease.member).join(", ");
    const open = ledger.total - ledger.doneCount;
    return {
      kind: "pending",
      reason: `${agreeing(open, "the last batch is", `the last ${open} batches are`)} leased to ${agreeing(ledger.leases.length, "member", "members")} ${names}`,
    };
  }
  const batches = { begin: first.begin, end: Math.min(first.end, first.begin + Math.max(1, Math.floor(size))) };
  const { member, incarnation } = holder;
  const returned = subtractRange(ledger.returned, batches);
  const isTakenOver = countOf(returned) < countOf(ledger.returned);
  const lease: Lease = { member, incarnation, remaining: [batches], isTakenOver, evaluateFirst };
  const free = subtractRange(ledger.free, batches);
  const granted = { ...ledger, free, returned, leases: [...ledger.leases, lease] };
  return { kind: "granted", ledger: granted, batches, isTakenOver, evaluateFirst };
}

/** Records batches as done, whoever did them. @returns the ranges that were not done before (G2) */
export function complete(
  ledger: Ledger,
  ranges: readonly BatchRange[],
): { readonly ledger: Ledger; readonly added: IntervalSet } {
  let added: IntervalSet = [];
  for (const { begin, end } of ranges) {
    added = addRange(added, { begin: Math.max(0, begin), end: Math.min(ledger.total, end) });
  }
  added = subtractSet(added, ledger.done);
  if (added.length === 0) return { ledger, added };
  const leases = ledger.leases
    .map((lease) => ({ ...lease, remaining: subtractSet(lease.remaining, added) }))
    .filter((lease) => lease.remaining.length > 0);
  const done = added.reduce(addRange, ledger.done);
  const doneCount = ledger.doneCount + countOf(added);
  const [free, returned] = [subtractSet(ledger.free, added), subtractSet(ledger.returned, added)];
  return { ledger: { ...ledger, done, doneCount, free, returned, leases }, added };
}

/** Ends a lease: what remains of it is free again. @returns the ranges that went back */
export function release(ledger: Ledger, holder: Holder): { readonly ledger: Ledger; readonly returned: IntervalSet } {
  const lease = leaseOf(ledger, holder);
  if (lease === undefined) return { ledger, returned: [] };
  const free = lease.remaining.reduce(addRange, ledger.free);
  const leases = ledger.leases.filter((each) => each !== lease);
  const returned = lease.remaining.reduce(addRange, ledger.returned);
  return { ledger: { ...ledger, free, returned, leases }, returned: lease.remaining };
}
