/**
 * Replies that are ready and wait for replicas: what depends on an entry is not said before every replica has it.
 *
 * Bounds  `maximumHeld` replies, each with the deadline of its request.
 */
import type { Refusal } from "@shoal/protocol";
import { maximumHeld } from "./bounds.ts";

export interface HeldReply {
  /** The newest entry that the reply depends on. */
  readonly index: number;
  readonly kind: "push" | "pull" | "initialize";
  /** Who waits for it. */
  readonly waiter: string;
  /** Clock time, ms. */
  readonly sinceMs: number;
  readonly deadlineAtMs: number;
  readonly deliver: () => void;
  readonly refuse: (refusal: Refusal) => void;
}

export interface HeldReplies {
  readonly isFull: boolean;
  add(reply: HeldReply): void;
  /** Delivers those that depend on entries up to `index`, in the order in which they were added. */
  release(index: number): void;
  takeExpired(now: number): readonly HeldReply[];
  takeAll(): readonly HeldReply[];
  list(): readonly HeldReply[];
  /** Deadline of the next that expires, ms; infinity when none is held. */
  nextDeadline(): number;
}

/** @param onChange told when a reply begins to wait (1), and when it does so no more (-1) */
export function createHeldReplies(onChange: (reply: HeldReply, change: 1 | -1) => void): HeldReplies {
  let held: HeldReply[] = [];
  const takeWhere = (isTaken: (reply: HeldReply) => boolean): readonly HeldReply[] => {
    const taken = held.filter(isTaken);
    if (taken.length > 0) held = held.filter((reply) => !isTaken(reply));
    for (const reply of taken) onChange(reply, -1);
    return taken;
  };
  return {
    get isFull() {
      return held.length >= maximumHeld;
    },
    add(reply) {
      held.push(reply);
      onChange(reply, 1);
    },
    release(index) {
      if ((held[0]?.index ?? Number.POSITIVE_INFINITY) > index) return;
      for (const reply of takeWhere((each) => each.index <= index)) reply.deliver();
    },
    takeExpired: (now) => takeWhere(({ deadlineAtMs }) => deadlineAtMs <= now),
    takeAll: () => takeWhere(() => true),
    list: () => held,
    nextDeadline: () => held.reduce((next, { deadlineAtMs }) => Math.min(next, deadlineAtMs), Number.POSITIVE_INFINITY),
  };
}
