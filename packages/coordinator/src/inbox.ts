/** What reaches the coordinator's actor: the cluster's messages, and its own. */
import type { ActorContext, Ref } from "@shoal/actors";
import type { CoordinatorMessage } from "@shoal/protocol";
import type { LeaderCommand, LeaderReport } from "./leadership/leader.ts";
import type { MemberDeaf } from "./membership/look-for.ts";
import type { KeeperReport } from "./snapshots/snapshot-keeper.ts";
import type { JournalCommand, JournalReport } from "./journal/journal.ts";

/** Private messages: its timer, its journal, its end. */
export type OwnMessage =
  | { readonly type: "tick" }
  | { readonly type: "close" }
  | { readonly type: "end" }
  | JournalReport
  | LeaderReport
  | MemberDeaf
  | KeeperReport;

export type Inbox = CoordinatorMessage | OwnMessage;

/** How long `close` waits for the journal, ms. */
const flushMs = 1000;

/** What overtakes the work of the workers: life signs, time, and people who want it to stop. */
export function isControl(message: Inbox): boolean {
  switch (message.type) {
    case "tick":
    case "close":
    case "end":
    case "leading":
    case "journal_kept":
    case "heartbeat":
    case "join_as_server":
    case "join_as_worker":
    case "leave":
    case "report_broken_line":
    case "member_deaf":
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
  "member_deaf",
  "journal_kept",
  "journal_superseded",
  "journal_failed",
  "journal_flushed",
  "leading",
  "leader_superseded",
  "leader_unknown",
  "stepped_down",
  "snapshot_published",
  "snapshot_unpublished",
  "snapshot_found",
  "snapshot_not_found",
  "snapshot_noted",
]);

export function isOwn(message: Inbox): message is OwnMessage {
  return ownTypes.has(message.type);
}

export interface Children {
  /** Undefined before the lead is taken. */
  readonly journal: Ref<JournalCommand> | undefined;
  readonly leader: Ref<LeaderCommand>;
}

/** Handles what ends the coordinator, and what people should know of. The end: everything written, then the lead given up. */
export function handleOwn(
  message: Exclude<OwnMessage, { readonly type: "tick" | "leading" | "journal_kept" } | MemberDeaf | KeeperReport>,
  context: ActorContext<Inbox>,
  { journal, leader }: Children,
  note: (sentence: string) => void,
): void {
  switch (message.type) {
    case "close":
      context.after(flushMs, { type: "end" });
      if (journal === undefined) leader.tell({ type: "step_down" });
      else journal.tell({ type: "flush", replyTo: context.self });
      return;
    case "leader_superseded":
    case "journal_superseded":
      note(`superseded by another coordinator: ${message.reason}`);
      context.stop();
      return;
    case "journal_failed":
      note(`${message.key} could not be kept: ${message.reason}`);
      return;
    case "leader_unknown":
      note(`whether this coordinator leads cannot be found out: ${message.reason}`);
      return;
    case "journal_flushed":
      leader.tell({ type: "step_down" });
      return;
    case "stepped_down":
    case "end":
      context.stop();
      return;
  }
}
