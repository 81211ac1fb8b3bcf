/**
 * Virtual time: stands still until told to advance.
 *
 * Invariants
 *   I1  timers fire in the order of their times, those of one time in the order they were set.
 *   I2  `now` never goes backwards, and equals a timer's time while it fires.
 */
import type { Clock, Timer } from "../clock.ts";

export interface SimulatedClock extends Clock {
  /** Time of the next timer, undefined when none is set. */
  readonly nextAt: number | undefined;
  /** Timers that are set. */
  readonly pending: number;
  /** Moves time forward by `ms` and fires what falls due on the way. Does not let promises run in between. */
  advance(ms: number): void;
  /** Moves to the next timer and fires it alone; false when there is none. */
  fireNext(): boolean;
  /**
   * Fires timers, also those set meanwhile, until none is left; returns how many.
   * @param maximumFirings - 1,000,000 by default: a timer that always sets another would go on for ever
   * @throws RangeError - the bound was reached
   */
  runUntilIdle(maximumFirings?: number): number;
}

interface SetTimer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

const isBefore = (a: SetTimer, b: SetTimer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** @param startMs - ms since the Unix epoch: 0 by default */
export function createSimulatedClock(startMs = 0): SimulatedClock {
  const heap: SetTimer[] = [];
  const cancelled = new Set<SetTimer>();
  let now = startMs;
  let order = 0;

  const next = (): SetTimer | undefined => {
    while (heap[0] !== undefined && cancelled.delete(heap[0])) removeFirst(heap);
    return heap[0];
  };
  const fire = (timer: SetTimer): void => {
    removeFirst(heap);
    now = Math.max(now, timer.at);
    timer.callback();
  };

  return {
    now: () => now,
    get nextAt() {
      return next()?.at;
    },
    get pending() {
      return heap.length - cancelled.size;
    },
    after(delayMs, callback): Timer {
      if (!(delayMs >= 0)) throw new RangeError(`delayMs must be at least 0, not ${String(delayMs)}`);
      let done = false;
      const run = (): void => {
        done = true;
        callback();
      };
      const timer = { at: now + delayMs, order: order++, callback: run };
      insert(heap, timer);
      return {
        cancel: () => {
          if (!done) cancelled.add(timer);
          done = true;
          // Most deadlines are cancelled long before their time; without this they would pile up until then.
          if (cancelled.size > 64 && cancelled.size * 2 > heap.length) compact(heap, cancelled);
        },
      };
    },
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`ms must be at least 0, not ${String(ms)}`);
      const end = now + ms;
      for (let timer = next(); timer !== undefined && timer.at <= end; timer = next()) fire(timer);
      now = end;
    },
    fireNext() {
      const timer = next();
      if (timer !== undefined) fire(timer);
      return timer !== undefined;
    },
    runUntilIdle(maximumFirings = 1_000_000) {
      for (let firings = 0; firings < maximumFirings; firings++) {
        const timer = next();
        if (timer === undefined) return firings;
        fire(timer);
      }
      throw new RangeError(`timers are still set after ${String(maximumFirings)} firings`);
    },
  };
}

function compact(heap: SetTimer[], cancelled: Set<SetTimer>): void {
  const kept = heap.filter((timer) => !cancelled.has(timer));
  heap.length = 0;
  cancelled.clear();
  for (const timer of kept) insert(heap, timer);
}

function insert(heap: SetTimer[], timer: SetTimer): void {
  let index = heap.push(timer) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(timer, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = timer;
}

function removeFirst(heap: SetTimer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const leftTimer = heap[left];
    const rightTimer = heap[left + 1];
    if (leftTimer === undefined) break;
    const takeRight = rightTimer !== undefined && isBefore(rightTimer, leftTimer);
    const child = takeRight ? rightTimer : leftTimer;
    if (!isBefore(child, last)) break;
    heap[index] = child;
    index = takeRight ? left + 1 : left;
  }
  heap[index] = last;
}
