/**
 * What a run has given away for good, kept beside its snapshots: what its rounds have cost of the clients' privacy, and the
 * numbers of rounds that clients may know. A run that goes on from a snapshot, on whatever cluster, finds it there.
 *
 * Invariants
 *   A1  it never goes back, whoever writes and whichever snapshot the run goes on from: more replaces less, by compare-and-set.
 *   A2  a ledger is there before what it was spent for leaves (see `privacy-ledger.ts`).
 * Bounds  `mostTries` times that the place may be away; round numbers are kept `roundsAhead` at a time.
 */
import type { Clock } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { PrivacyLedger } from "@shoal/federated";
import { accountName, type SnapshotStore } from "@shoal/protocol";

export interface AccountState {
  readonly format: 1;
  readonly run: string;
  /** Clients may have heard of rounds up to this one. */
  readonly rounds: number;
  /** null: no round has cost anything. */
  readonly ledger: PrivacyLedger | null;
}

export interface RunAccount {
  /** @returns undefined where there is none @throws ShoalError store_unavailable; snapshot_corrupt */
  read(): Promise<AccountState | undefined>;
  /** Settles when it is known for good that so much was spent. @throws ShoalError store_unavailable; snapshot_corrupt */
  spent(ledger: PrivacyLedger): Promise<void>;
  /** Settles when nobody will give this number to another round, or that cannot be had now. */
  number(round: number): Promise<void>;
}

export interface RunAccountOptions {
  readonly run: string;
  readonly clock: Clock;
  /** undefined: snapshots are kept nowhere, so the run cannot go on from one. */
  readonly snapshots: SnapshotStore | undefined;
  /** Takes a sentence for people. */
  readonly onNote: (sentence: string) => void;
}

const roundsAhead = 10;
const mostTries = 120;
const retryMs = 500;
const numberMs = 5_000;

export function createRunAccount(options: RunAccountOptions): RunAccount {
  const { snapshots, onNote } = options;
  let numbered = 0;
  return {
    read: async () => (snapshots === undefined ? undefined : patiently(options, () => readAt(options, snapshots))),
    async spent(ledger) {
      if (snapshots !== undefined) await patiently(options, () => raise(options, snapshots, { rounds: 0, ledger }));
    },
    async number(round) {
      if (snapshots === undefined || round <= numbered) return;
      try {
        const raised = raise(options, snapshots, { rounds: round + roundsAhead - 1, ledger: null });
        numbered = await inTime(options.clock, snapshots.place, raised);
      } catch (error) {
        // Asked again with the next round: only a run that has lost all else needs it.
        onNote(`round ${round} is not kept beside the snapshots: ${ShoalError.from(error).message}`);
      }
    },
  };
}

async function readAt({ run }: RunAccountOptions, snapshots: SnapshotStore): Promise<AccountState | undefined> {
  const stored = await snapshots.readPointer(accountName(run));
  return stored === undefined ? undefined : parse(run, stored.text);
}

/** A1. @returns the rounds that are kept now */
async function raise(
  { run }: RunAccountOptions,
  snapshots: SnapshotStore,
  to: Pick<AccountState, "rounds" | "ledger">,
): Promise<number> {
  const name = accountName(run);
  for (let tries = 1; ; tries += 1) {
    const stored = await snapshots.readPointer(name);
    const known = stored === undefined ? undefined : parse(run, stored.text);
    const next: AccountState = {
      ...{ format: 1, run, rounds: Math.max(to.rounds, known?.rounds ?? 0) },
      ledger: greaterOf(to.ledger, known?.ledger ?? null),
    };
    if (next.rounds === known?.rounds && next.ledger === known.ledger) return next.rounds;
    try {
      await snapshots.writePointer(name, `${JSON.stringify(next)}\n`, stored?.revision ?? null);
      return next.rounds;
    } catch (error) {
      if (!isShoalError(error, "store_conflict") || tries >= mostTries) throw error;
    }
  }
}

/** Of two of one run, that of more rounds: the store has them spent one after the other. */
export function greaterOf(one: PrivacyLedger | null, other: PrivacyLedger | null): PrivacyLedger | null {
  return (one?.rounds ?? 0) > (other?.rounds ?? 0) ? one : other;
}

/** @throws ShoalError snapshot_corrupt - an account that is not understood must not be taken for none */
function parse(run: string, text: string): AccountState {
  try {
    const state = JSON.parse(text) as AccountState;
    if (state.format === 1 && state.run === run && Number.isSafeInteger(state.rounds) && isLedger(state.ledger))
      return state;
  } catch {
    // Said below.
  }
  const object = accountName(run);
  throw new ShoalError("snapshot_corrupt", `${object} is not what a run has spent, as this version keeps it`, {
    object,
  });
}

function isLedger(ledger: PrivacyLedger | null): boolean {
  if (ledger === null) return true;
  const { orders, divergences, rounds } = ledger;
  if (!Number.isSafeInteger(rounds) || !Array.isArray(orders) || !Array.isArray(divergences)) return false;
  const isSpent = (spent: unknown): boolean => spent === null || (typeof spent === "number" && spent >= 0);
  return orders.length === divergences.length && orders.length > 0 && divergences.every(isSpent);
}

/** No round waits longer for its number. @throws ShoalError store_unavailable */
async function inTime<T>(clock: Clock, place: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const sentence = `${place} did not answer within ${numberMs} ms`;
  const timer = clock.after(numberMs, () => late.reject(new ShoalError("store_unavailable", sentence, { place })));
  return Promise.race([work, late.promise]).finally(() => timer.cancel());
}

/** @throws ShoalError of the last time */
async function patiently<T>({ clock }: RunAccountOptions, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isShoalError(error, "store_unavailable") || tries >= mostTries) throw error;
      await new Promise<void>((resolve) => void clock.after(retryMs, resolve));
    }
  }
}
