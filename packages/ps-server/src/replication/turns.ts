/** What links answer comes between two messages of a shard; what follows from it is done in a turn of its actor. */
import type { Timer } from "@shoal/actors";

export interface Turns {
  /** Does this in the actor's next turn. Whoever adds has at most as many calls under way as bounds.ts allows. */
  soon(action: () => void): void;
  /** Asks for a turn at a clock time, ms. */
  at(atMs: number): void;
  /** What is due, in the order in which it came. */
  take(): readonly (() => void)[];
  /**
   * Where turns come from; needed once the actor lives.
   * @param ask asks for a turn; false when the actor's mailbox has no place for that
   * @param arm calls back at a clock time, ms
   */
  attach(ask: () => boolean, arm: (atMs: number, callback: () => void) => Timer, now: () => number): void;
}

/** When the mailbox is full, a turn is asked for again after this, ms: any other message brings it as well. */
const againMs = 10;

export function createTurns(): Turns {
  let due: (() => void)[] = [];
  let isAsked = false;
  let ask: () => boolean = () => false;
  let arm: ((atMs: number, callback: () => void) => Timer) | undefined;
  let now = (): number => 0;
  let timer: Timer | undefined;
  let firesAtMs = Number.POSITIVE_INFINITY;

  const at = (atMs: number): void => {
    if (arm === undefined || atMs >= firesAtMs) return;
    timer?.cancel();
    firesAtMs = atMs;
    timer = arm(atMs, () => {
      firesAtMs = Number.POSITIVE_INFINITY;
      demand();
    });
  };
  const demand = (): void => {
    if (isAsked) return;
    isAsked = ask();
    if (!isAsked) at(now() + againMs);
  };
  return {
    soon(action) {
      due.push(action);
      demand();
    },
    at,
    take() {
      isAsked = false;
      const taken = due;
      due = [];
      return taken;
    },
    attach(askActor, armTimer, clock) {
      [ask, arm, now] = [askActor, armTimer, clock];
    },
  };
}
