/**
 * Mailbox: a p-queue of concurrency one with a capacity.
 *
 * What comes to a mailbox at rest is handled past the queue, which is paused for what comes meanwhile: most messages find
 * their actor at rest, and a task of the queue costs more than many a handler.
 *
 * Bounds      `capacity` waiting entries, and {@link controlReserve} more for control; beyond it `offer` returns false.
 * Invariants
 *   I1  the handler of one entry has settled before the next one's starts.
 *   I2  control entries overtake waiting data entries; within a priority the order is that of `offer`.
 *   I3  a handler never starts inside `offer`.
 *   I4  a handler sees the AsyncLocalStorage values of its `offer` (p-queue 10 keeps them, and so do promises).
 */
import PQueue from "p-queue";

/** Places beyond the capacity that only control entries may use. */
export const controlReserve = 64;

export interface Mailbox<E> {
  readonly depth: number;
  /** The entry that has waited longest. */
  readonly oldest: E | undefined;
  /** Keeps `entry`. Returns false, and keeps nothing, when the mailbox is full. */
  offer(entry: E, isControl: boolean): boolean;
  /** Starts no further handler; the one that runs goes on. */
  pause(): void;
  resume(): void;
  /** Takes out everything that waits, in order of arrival. */
  clear(): readonly E[];
  /** Settles when no handler runs; with `pause` before it, none will. */
  settled(): Promise<void>;
}

export interface MailboxOptions<E> {
  readonly capacity: number;
  /** Must neither throw nor reject. */
  readonly handle: (entry: E) => void | Promise<void>;
}

const control = { priority: 1 };
const data = { priority: 0 };
const afterCaller = Promise.resolve();
const ignoreAbort = (): void => undefined;

export function createMailbox<E extends object>(options: MailboxOptions<E>): Mailbox<E> {
  const { capacity, handle } = options;
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new RangeError(`capacity must be an integer of at least 1, not ${String(capacity)}`);
  }
  const queue = new PQueue({ concurrency: 1 });
  // A Set keeps the order of arrival and forgets a started entry in constant time.
  const waiting = new Set<E>();
  let isPaused = false;
  /** The handler that runs past the queue. */
  let passing: Promise<void> | undefined;

  const start = (entry: E): Promise<void> =>
    // I3
    afterCaller.then(() => (waiting.delete(entry) ? handle(entry) : undefined));
  const passed = (): void => {
    passing = undefined;
    if (queue.isPaused && !isPaused) queue.start();
  };
  return {
    get depth() {
      return waiting.size;
    },
    get oldest() {
      return waiting.values().next().value;
    },
    offer(entry, isControl) {
      if (waiting.size >= (isControl ? capacity + controlReserve : capacity)) return false;
      waiting.add(entry);
      if (passing === undefined && !isPaused && queue.pending === 0 && queue.size === 0) {
        passing = start(entry).then(passed);
        return true;
      }
      if (passing !== undefined) queue.pause(); // I1
      queue.add(() => start(entry), isControl ? control : data).catch(ignoreAbort);
      return true;
    },
    pause: () => {
      isPaused = true;
      queue.pause();
    },
    resume: () => {
      isPaused = false;
      if (passing === undefined) queue.start();
    },
    clear() {
      const cleared = [...waiting];
      waiting.clear();
      queue.clear();
      return cleared;
    },
    settled: () => passing ?? queue.onPendingZero(),
  };
}
