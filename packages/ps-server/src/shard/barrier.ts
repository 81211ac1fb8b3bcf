/**
 * The synchronous step in progress: which slots are filled, by whom, and how far the sum has come.
 *
 * Contributions are folded in slot order as soon as that order allows, and their gradients given back at once: what is
 * borrowed are only the gradients that came before their turn.
 *
 * Invariants
 *   B1  Slots `0 … frontier − 1` are folded, in this order; no other slot is. (Where steps may be closed early each is
 *       folded as it comes, so that none waits for one that may never come.)
 *   B2  A gradient is given back exactly once: when it is folded, replaced or dropped.
 *   B3  A folded contribution counts. A staged one counts only while somebody waits for its reply.
 */
import type { SlotFill } from "./consistency.ts";
import { isSamePush, type PushHeader, type PushTicket } from "./requests.ts";

/** Requests that may wait for one slot: 16. Each is another worker's (take-overs); one more is refused. */
export const maximumRequestsPerSlot = 16;

export interface Contribution {
  readonly slot: number;
  /** The push that counts; its request may have been answered (deadline) while it still counts. */
  carrier: PushTicket;
  /** Byte offset of the gradient as it was pushed; 0 for a contribution without payload. Meaningless once folded. */
  gradient: number;
  fill: Exclude<SlotFill, "empty">;
  release: () => void;
  /** Those who wait for the step because of this slot. */
  readonly requests: PushTicket[];
}

export interface Barrier {
  /** Slots that are folded. */
  readonly frontier: number;
  readonly isComplete: boolean;
  fillOf(slot: number): SlotFill;
  at(slot: number): Contribution | undefined;
  /** The slot in which this very push waits; undefined when it does not. */
  slotOf(ticket: PushTicket): number | undefined;
  /** Puts a contribution into an empty slot and folds all whose turn has come. */
  place(ticket: PushTicket, slot: number, gradient: number, release: () => void): void;
  /** Puts an equal gradient into a staged slot; the former carrier's goes back. */
  replace(ticket: PushTicket, slot: number, gradient: number, release: () => void): void;
  /** Empties a staged slot; its gradient goes back. */
  drop(slot: number): void;
  /** Slots that are empty, ascending. @param limit at most so many */
  empty(limit: number): readonly number[];
  /** All contributions that are here, in slot order; the barrier then stands for the next step. */
  take(): readonly Contribution[];
}

/**
 * @param fold adds one gradient to the sum: the byte offset of what was pushed, and what the push says of it
 * @param inOrder false: contributions are folded as they come, and the result depends on their order
 */
export function createBarrier(
  slots: number,
  fold: (payload: number, header: PushHeader) => void,
  inOrder = true,
): Barrier {
  const held: (Contribution | undefined)[] = [];
  let frontier = 0;
  let folded = 0;

  const advance = (): void => {
    for (let next = held[frontier]; next !== undefined; next = held[frontier]) {
      if (next.fill === "staged") add(next);
      frontier += 1;
    }
  };
  const add = (next: Contribution): void => {
    fold(next.gradient, next.carrier.header);
    next.fill = "folded";
    next.release(); // B2
    folded += 1;
  };
  return {
    get frontier() {
      return frontier;
    },
    get isComplete() {
      return folded === slots;
    },
    fillOf: (slot) => held[slot]?.fill ?? "empty",
    at: (slot) => held[slot],
    slotOf: (ticket) =>
      held.find((it) => it !== undefined && [it.carrier, ...it.requests].some((other) => isSamePush(other, ticket)))
        ?.slot,
    place(ticket, slot, gradient, release) {
      const placed: Contribution = { slot, carrier: ticket, gradient, fill: "staged", release, requests: [ticket] };
      if (!inOrder) add(placed);
      held[slot] = placed;
      advance();
    },
    replace(ticket, slot, gradient, release) {
      const contribution = held[slot];
      if (contribution?.fill !== "staged") throw new RangeError(`slot ${slot} holds nothing to replace`);
      contribution.release(); // B2
      contribution.carrier = ticket;
      contribution.gradient = gradient;
      contribution.release = release;
    },
    drop(slot) {
      const contribution = held[slot];
      if (contribution?.fill !== "staged") throw new RangeError(`slot ${slot} holds nothing to drop`);
      held[slot] = undefined;
      contribution.release(); // B2
    },
    empty: (limit) => emptySlots(held, frontier, slots, limit),
    take() {
      [frontier, folded] = [0, 0];
      return takeOut(held);
    },
  };
}

function emptySlots(
  held: readonly (Contribution | undefined)[],
  from: number,
  slots: number,
  limit: number,
): readonly number[] {
  const found: number[] = [];
  for (let slot = from; slot < slots && found.length < limit; slot += 1) {
    if (held[slot] === undefined) found.push(slot);
  }
  return found;
}

/** Empties all slots; gradients that are not folded go back. */
function takeOut(held: (Contribution | undefined)[]): readonly Contribution[] {
  const contributions = held.splice(0).filter((contribution) => contribution !== undefined);
  for (const contribution of contributions) if (contribution.fill === "staged") contribution.release(); // B2
  return contributions;
}
