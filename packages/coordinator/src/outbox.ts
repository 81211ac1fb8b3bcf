/**
 * Holds back what the coordinator says until the state that it follows from is in the store: what anybody has heard from
 * this coordinator, the next one knows.
 *
 * Bounds      `capacity` sentences; those beyond it are dropped, and asked for or said again.
 * Invariants
 *   O1  a sentence leaves after everything that was given to the journal before it is written.
 *   O2  sentences leave in the order in which they were said, but for answers that promise nothing.
 */
import { tryTell, type Ref } from "@shoal/actors";
import type { Reply } from "./dispatch/step.ts";
import type { JournalEntry } from "./journal/changes.ts";
import type { JournalCommand } from "./journal/journal.ts";

const capacity = 4096;

export interface Outbox {
  /** Gives entries to the journal. */
  keep(entries: readonly JournalEntry[], journal: Ref<JournalCommand> | undefined): void;
  /** Says this once everything that was given to the journal so far is written. */
  say(replies: readonly Reply[]): void;
  /** Says this at once: answers that hold whatever becomes of this coordinator. */
  answer(replies: readonly Reply[]): void;
  /** Everything up to the mark is written. */
  kept(mark: number): void;
}

/** @param note told of what cannot be said */
export function createOutbox(note: (sentence: string) => void): Outbox {
  const held: { readonly mark: number; readonly reply: Reply }[] = [];
  let given = 0;
  let written = 0;
  const send = ({ to, message }: Reply): void => {
    const failure = tryTell(to, message);
    // C1: it is asked again, or told again.
    if (failure !== undefined) note(`${to.address} could not be told ${message.type}: ${failure.message}`);
  };
  return {
    keep(entries, journal) {
      if (entries.length === 0 || journal === undefined) return;
      given += 1;
      journal.tell({ type: "keep", entries, mark: given });
    },
    say(replies) {
      for (const reply of replies) {
        if (written === given || promisesNothing(reply)) send(reply);
        else if (held.length < capacity) held.push({ mark: given, reply });
      }
    },
    answer: (replies) => replies.forEach(send),
    kept(mark) {
      written = Math.max(written, mark);
      const first = held.findIndex((each) => each.mark > written);
      for (const { reply } of held.splice(0, first === -1 ? held.length : first)) send(reply);
    },
  };
}

function promisesNothing({ message }: Reply): boolean {
  if (message.type === "heartbeat_acknowledged") return !("released" in message);
  return message.type === "describe_shards";
}
