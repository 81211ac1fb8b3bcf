/** Seats as the coordinator keeps them, and questions about them. */
import type { SeatHolder, ShardSeat } from "@shoal/protocol";

/** A server in one of its lives: a restarted process holds nothing of what the one before it held. */
export interface ServerLife {
  readonly member: number;
  readonly incarnation: number;
}

export function sameServer(a: ServerLife, b: ServerLife): boolean {
  return a.member === b.member && a.incarnation === b.incarnation;
}

/** Everybody in the seat, the primary first. */
export function holdersOf({ primary, replicas, learners }: ShardSeat): readonly SeatHolder[] {
  return [primary, ...replicas, ...learners];
}

export function isInSeat(seat: ShardSeat, life: ServerLife): boolean {
  return holdersOf(seat).some((holder) => sameServer(holder, life));
}

/** How well a server can do its part of a seat. */
export type HolderState =
  | "alive"
  /** It wants to go, and does its part until it may. */
  | "leaving"
  /** Silent for longer than usual; its lease has not ended. */
  | "suspected"
  /** Its lease has ended, it has left, or it has begun a new life. */
  | "lost";

/** True for one that can be counted on now. */
export function isWorking(state: HolderState): boolean {
  return state === "alive" || state === "leaving";
}
