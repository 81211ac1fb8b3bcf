/** What handling one message leads to. */
import type { Message, Ref } from "@shoal/actors";
import type { ClusterState } from "../cluster-state.ts";
import type { KeeperCommand } from "../snapshots/snapshot-keeper.ts";
import type { LeaseEnd, Member, MemberRole } from "../membership/membership.ts";

/** A sentence to be said; built by {@link replyTo}, which checks that the listener understands it. */
export interface Reply {
  readonly to: Ref<Message>;
  readonly message: Message;
}

export interface EndedLease {
  readonly role: MemberRole;
  readonly end: LeaseEnd;
}

export interface Step {
  readonly cluster: ClusterState;
  readonly replies: readonly Reply[];
  /** For the log: what happened and why. */
  readonly notes: readonly string[];
  /** False when nothing can follow from it, so that frequent messages stay cheap. */
  readonly reconcile: boolean;
  /** It changes nothing and promises nothing: its replies need not wait until the state behind them is stored. */
  readonly isAnswerOnly?: boolean;
  /** To be done at the place of the snapshots; nothing when left out. */
  readonly tasks?: readonly KeeperCommand[];
  /** Members that may be dead, and should be looked for; none when left out. */
  readonly lookFor?: readonly Member[];
  /** Leases of members that ended with it; none when left out. */
  readonly endedLeases?: readonly EndedLease[];
}

export function replyTo<M extends Message>(to: Ref<M>, message: M): Reply {
  return { to: to, message };
}
