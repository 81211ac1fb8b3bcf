/**
 * Writes the durable state, and says what is written: nothing that follows from a change is told to anybody before.
 *
 * State     for each key the newest value that is not written yet, and the revision that is stored.
 * Bounds    one value a key (keys: a dozen a remembered run, and parts of long lists); one operation at a time.
 * Invariants
 *   J1  a key's values are written in order; one that is replaced before its turn is skipped. Keys are written in the order
 *       in which they were given first.
 *   J2  every write is a compare-and-set. Whoever finds a record of a higher term is superseded and writes no more.
 *   J3  `journal_kept` of a mark: all that was given with it or before it is in the store, or something newer is.
 */
import type { ActorContext, BehaviorFactory, Ref, StateStore } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { JournalEntry } from "./changes.ts";
import { termOf } from "./records.ts";

export type JournalCommand =
  /** "Keep these." Marks grow. */
  | { readonly type: "keep"; readonly entries: readonly JournalEntry[]; readonly mark: number }
  /** "Tell me when all that I gave you is written." */
  | { readonly type: "flush"; readonly replyTo: Ref<JournalReport> }
  /** Private: the next writes are due. */
  | { readonly type: "write" };

export type JournalReport =
  /** "All up to this mark is written." */
  | { readonly type: "journal_kept"; readonly mark: number }
  /** "Another coordinator has taken over." */
  | { readonly type: "journal_superseded"; readonly reason: string }
  /** "A value could not be kept; I try again unless it never can be." */
  | { readonly type: "journal_failed"; readonly key: string; readonly reason: string }
  | { readonly type: "journal_flushed" };

export interface JournalOptions {
  readonly store: StateStore;
  readonly term: number;
  /** Revisions of the keys as this coordinator has found or written them. */
  readonly revisions?: ReadonlyMap<string, number>;
  readonly reports: Ref<JournalReport>;
}

/** Delay before a write that the store could not take is tried again, ms. */
const retryMs = 200;

export function createJournal(options: JournalOptions): BehaviorFactory<JournalCommand> {
  return (context) => {
    const pending = new Map<string, unknown>();
    const revisions = new Map(options.revisions);
    const flushes: Ref<JournalReport>[] = [];
    let superseded = false;
    let scheduled = false;
    let mark = 0;

    const schedule = (delayMs: number): void => {
      if (scheduled || superseded || pending.size === 0) return;
      scheduled = true;
      if (delayMs === 0) context.self.tell({ type: "write" });
      else context.after(delayMs, { type: "write" });
    };
    const answerFlushes = (): void => {
      if (pending.size > 0 && !superseded) return;
      for (const flush of flushes.splice(0)) flush.tell({ type: "journal_flushed" });
    };
    /** @returns whether all is written: nothing was given meanwhile, for this actor handles one message at a time */
    const write = async (): Promise<boolean> => {
      for (const [key, value] of pending) {
        const outcome = await writeOne(options, revisions, { key, value });
        if (outcome.kind === "superseded") {
          superseded = true;
          options.reports.tell({ type: "journal_superseded", reason: outcome.reason });
          return false;
        }
        if (outcome.kind === "failed") options.reports.tell({ type: "journal_failed", key, reason: outcome.reason });
        if (outcome.kind === "failed" && outcome.again) return false;
        pending.delete(key);
      }
      return true;
    };
    return async (command, _context: ActorContext<JournalCommand>) => {
      if (command.type === "keep") {
        for (const { key, value } of command.entries) pending.set(key, value);
        mark = command.mark;
        schedule(0);
      } else if (command.type === "flush") flushes.push(command.replyTo);
      else if (!superseded) {
        scheduled = false;
        if (await write()) options.reports.tell({ type: "journal_kept", mark });
        schedule(retryMs);
      }
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
