/**
 * The requests that wait at a shard, and the one timer that watches their deadlines.
 *
 * Bounds  `maximumWaits` (1,024) requests; one more is refused with `mailbox_full`. One timer of the actor's.
 */
import type { Timer } from "@shoal/actors";
import type { Ticket } from "./requests.ts";

/** Requests that may wait at one shard. */
export const maximumWaits = 1024;

export interface Waits {
  readonly isFull: boolean;
  add(ticket: Ticket): void;
  remove(ticket: Ticket): void;
  /** Those that wait, oldest first. */
  list(): readonly Ticket[];
  /** Takes out those whose deadline has come and watches the others. */
  takeExpired(now: number): readonly Ticket[];
  /** Where the timer comes from; needed once the actor lives. @param arm calls back at a clock time, in ms */
  watchWith(arm: (atMs: number) => Timer): void;
}

/** @param onChange told when a request begins to wait (1) and when it does so no more (-1) */
export function createWaits(
  onChange: (kind: Ticket["kind"], change: 1 | -1) => void,
  capacity: number = maximumWaits,
): Waits {
  const tickets = new Set<Ticket>();
  let arm: ((atMs: number) => Timer) | undefined;
  let timer: Timer | undefined;
  let firesAt = Number.POSITIVE_INFINITY;

  /** Timers that fire too early are cheap (one look); so a removal leaves the timer as it is. */
  const watch = (atMs: number): void => {
    if (atMs >= firesAt || arm === undefined) return;
    timer?.cancel();
    firesAt = atMs;
    timer = arm(atMs);
  };
  const remove = (ticket: Ticket): void => {
    if (tickets.delete(ticket)) onChange(ticket.kind, -1);
  };
  return {
    get isFull() {
      return tickets.size >= capacity;
    },
    add(ticket) {
      tickets.add(ticket);
      onChange(ticket.kind, 1);
      watch(ticket.deadlineAtMs);
    },
    remove,
    list: () => [...tickets],
    takeExpired(now) {
      firesAt = Number.POSITIVE_INFINITY;
      const expired = [...tickets].filter((ticket) => ticket.deadlineAtMs <= now);
      for (const ticket of expired) remove(ticket);
      let next = Number.POSITIVE_INFINITY;
      for (const ticket of tickets) next = Math.min(next, ticket.deadlineAtMs);
      if (Number.isFinite(next)) watch(next);
      return expired;
    },
    watchWith(callback) {
      arm = callback;
    },
  };
}
