/**
 * Writes the durable state behind the coordinator's back, so that a slow store holds up nobody's heartbeat.
 *
 * State     for each key the newest value that is not written yet, and the revision that is stored.
 * Bounds    one value a key (keys: three a remembered run, and two); one operation at a time.
 * Invariants
 *   J1  a key's values are written in order; one that is replaced before its turn is skipped.
 *   J2  every write is a compare-and-set. Whoever finds a record of a higher term is superseded and writes no more.
 */
import type { ActorContext, BehaviorFactory, Ref, StateStore } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { JournalEntry } from "./changes.ts";
import { termOf } from "./records.ts";

export type JournalCommand =
  /** "Keep these." */
  | { readonly type: "keep"; readonly entries: readonly JournalEntry[] }
  /** "Tell me when all that I gave you is written." */
  | { readonly type: "flush"; readonly replyTo: Ref<JournalReport> }
  /** Private: the next write is due. */
  | { readonly type: "write" };

export type JournalReport =
  /** "Another coordinator has taken over." */
  | { readonly type: "journal_superseded"; readonly reason: string }
  /** "A value could not be kept; I try again unless it never can be." */
  | { readonly type: "journal_failed"; readonly key: string; readonly reason: string }
  | { readonly type: "journal_flushed" };

export interface JournalOptions {
  readonly store: StateStore;
  readonly term: number;
  readonly reports: Ref<JournalReport>;
}

/** Delay before a write that the store could not take is tried again, ms. */
const retryMs = 500;

export function createJournal(options: JournalOptions): BehaviorFactory<JournalCommand> {
  return (context) => {
    const pending = new Map<string, unknown>();
    const revisions = new Map<string, number>();
    const flushes: Ref<JournalReport>[] = [];
    let superseded = false;
    let scheduled = false;

    const schedule = (delayMs: number): void => {
      if (scheduled || pending.size === 0) return;
      scheduled = true;
      context.after(delayMs, { type: "write" });
    };
    const answerFlushes = (): void => {
      if (pending.size > 0 && !superseded) return;
      for (const flush of flushes.splice(0)) flush.tell({ type: "journal_flushed" });
    };
    const write = async (): Promise<void> => {
      const [first] = pending;
      if (first === undefined || superseded) return;
      const [key, value] = first;
      const outcome = await writeOne(options, revisions, { key, value });
      superseded = outcome.kind === "superseded";
      if (outcome.kind === "superseded") options.reports.tell({ type: "journal_superseded", reason: outcome.reason });
      if (outcome.kind === "failed") options.reports.tell({ type: "journal_failed", key, reason: outcome.reason });
      if (outcome.kind !== "failed" || !outcome.again) pending.delete(key);
      schedule(outcome.kind === "failed" ? retryMs : 0);
    };
    return async (command, _context: ActorContext<JournalCommand>) => {
      if (command.type === "keep") {
        for (const { key, value } of command.entries) pending.set(key, value);
      } else if (command.type === "flush") flushes.push(command.replyTo);
      else {
        scheduled = false;
        await write();
      }
      if (command.type !== "write") schedule(0);
      answerFlushes();
    };
  };
}

type WriteOutcome =
  | { readonly kind: "written" }
  | { readonly kind: "superseded"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string; readonly again: boolean };

async function writeOne(
  options: JournalOptions,
  revisions: Map<string, number>,
  entry: JournalEntry,
): Promise<WriteOutcome> {
  const { store, term } = options;
  try {
    await put(store, revisions, entry);
    return { kind: "written" };
  } catch (thrown) {
    if (!isShoalError(thrown, "store_conflict")) return failure(thrown);
  }
  try {
    const stored = await store.get(entry.key);
    const storedTerm = termOf(stored?.value);
    if (storedTerm > term) {
      return { kind: "superseded", reason: `${entry.key} was written under term ${storedTerm}; mine is ${term}` };
    }
    if (stored === undefined) revisions.delete(entry.key);
    else revisions.set(entry.key, stored.revision);
    await put(store, revisions, entry);
    return { kind: "written" };
  } catch (thrown) {
    return failure(thrown);
  }
}

async function put(store: StateStore, revisions: Map<string, number>, { key, value }: JournalEntry): Promise<void> {
  const revision = revisions.get(key);
  if (value !== undefined) {
    revisions.set(key, await (revision === undefined ? store.create(key, value) : store.update(key, value, revision)));
    return;
  }
  // A key of the coordinator before this one has a revision that is not known here.
  const stored = revision ?? (await store.get(key))?.revision;
  if (stored !== undefined) await store.delete(key, stored);
  revisions.delete(key);
}

function failure(thrown: unknown): WriteOutcome {
  const error = ShoalError.from(thrown);
  return { kind: "failed", reason: error.message, again: error.row.retry !== "never" };
}
