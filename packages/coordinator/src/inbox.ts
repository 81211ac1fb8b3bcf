/** What reaches the coordinator's actor: the cluster's messages, and its own. */
import type { ActorContext, Ref } from "@shoal/actors";
import type { CoordinatorMessage } from "@shoal/protocol";
import type { JournalCommand, JournalReport } from "./journal/journal.ts";

/** Private messages: its timer, its journal, its end. */
export type OwnMessage =
  { readonly type: "tick" } | { readonly type: "close" } | { readonly type: "end" } | JournalReport;

export type Inbox = CoordinatorMessage | OwnMessage;

/** How long `close` waits for the journal, ms. */
const flushMs = 1000;

/** What overtakes the work of the workers: life signs, time, and people who want it to stop. */
export function isControl(message: Inbox): boolean {
  switch (message.type) {
    case "tick":
    case "close":
    case "end":
    case "heartbeat":
    case "join_as_server":
    case "join_as_worker":
    case "leave":
    case "cancel_run":
      return true;
    default:
      return false;
  }
}

const ownTypes: ReadonlySet<string> = new Set<OwnMessage["type"]>([
  "tick",
  "close",
  "end",
  "journal_superseded",
  "journal_failed",
  "journal_flushed",
]);

export function isOwn(message: Inbox): message is OwnMessage {
  return ownTypes.has(message.type);
}

/** Handles all but `tick`, which needs the state. */
export function handleOwn(
  message: Exclude<OwnMessage, { readonly type: "tick" }>,
  context: ActorContext<Inbox>,
  journal: Ref<JournalCommand> | undefined,
  note: (sentence: string) => void,
): void {
  switch (message.type) {
    case "close":
      if (journal === undefined) context.stop();
      else {
        journal.tell({ type: "flush", replyTo: context.self });
        context.after(flushMs, { type: "end" });
      }
      return;
    case "journal_superseded":
      note(`superseded by another coordinator: ${message.reason}`);
      context.stop();
      return;
    case "journal_failed":
      note(`${message.key} could not be kept: ${message.reason}`);
      return;
    case "journal_flushed":
    case "end":
      context.stop();
      return;
  }
}
