/**
 * Recognises repeated pushes by (worker, incarnation, sequence).
 *
 * Bounds    Per worker a window of the newest `windowSize` (1,024) sequence numbers with what became of each. A push
 *           whose number lies below the window is known to be a repetition when every number up to it was seen, and
 *           cannot be told from a new one otherwise: it is refused.
 * Invariants
 *   F1  A number that was settled as counted is never `unseen` again in its incarnation.
 *   F2  A newer incarnation starts afresh; an older one is fenced for good.
 */

/** Sequence numbers whose outcome is remembered, a worker. A worker has at most 64 requests under way on a link. */
export const windowSize = 1024;

/** Of the workers whose windows are kept, those that take no part any more: 1,024. */
export const maximumLeavers = 1024;

/** Workers whose windows are kept: the 4,096 members of a run, and those that left. A push of one more is refused. */
export const maximumWorkers: number = 4096 + maximumLeavers;

/** What the filter knows of one push. */
export type Sighting =
  | { readonly kind: "unseen" }
  /** It counted once; `version` holds it (the newest known one for a push that is long gone). */
  | { readonly kind: "counted"; readonly version: number | undefined }
  | { readonly kind: "older_incarnation"; readonly known: number }
  | { readonly kind: "below_window"; readonly lowest: number };

/** The filter's memory of one worker as plain data. */
export interface FilteredWorker {
  readonly worker: number;
  readonly incarnation: number;
  readonly contiguous: number;
  readonly highest: number;
  /** sequence, version, sequence, version, … of the remembered pushes. */
  readonly counted: readonly number[];
}

export interface DuplicateFilter {
  sight(worker: number, incarnation: number, sequence: number): Sighting;
  /** False when this worker would be one too many. */
  hasRoomFor(worker: number): boolean;
  /** Remembers that a push counted. A newer incarnation replaces what was known of the older one. */
  settle(worker: number, incarnation: number, sequence: number, version: number): void;
  /**
   * Forgets those who left, the longest known first, as far as there are more than `maximumLeavers` of them. Who left
   * may come back: a worker without batches is taken off the list for a while.
   */
  retain(isMember: (worker: number) => boolean): void;
  snapshot(): readonly FilteredWorker[];
}

interface Window {
  incarnation: number;
  /** Every number up to here has counted. */
  contiguous: number;
  highest: number;
  /** By sequence mod windowSize: the number that counted last (0: none), and the version that holds it. */
  readonly sequences: Float64Array;
  readonly versions: Float64Array;
}

const unseen: Sighting = { kind: "unseen" };

/** @param initial what `snapshot()` of another filter returned */
export function createDuplicateFilter(initial: readonly FilteredWorker[] = []): DuplicateFilter {
  const windows = new Map<number, Window>();
  for (const known of initial) windows.set(known.worker, restoreWindow(known));

  const windowOf = (worker: number, incarnation: number): Window | undefined => {
    const known = windows.get(worker);
    if (known !== undefined && known.incarnation > incarnation) return undefined;
    if (known?.incarnation === incarnation) return known;
    const fresh = createWindow(incarnation);
    windows.set(worker, fresh);
    return fresh;
  };
  return {
    sight(worker, incarnation, sequence) {
      const window = windows.get(worker);
      if (window === undefined || window.incarnation < incarnation) return unseen;
      if (window.incarnation > incarnation) return { kind: "older_incarnation", known: window.incarnation };
      return look(window, sequence);
    },
    hasRoomFor: (worker) => windows.size < maximumWorkers || windows.has(worker),
    settle(worker, incarnation, sequence, version) {
      const window = windowOf(worker, incarnation);
      if (window !== undefined) record(window, sequence, version);
    },
    retain(isMember) {
      const leavers = [...windows.keys()].filter((worker) => !isMember(worker));
      for (const worker of leavers.slice(0, -maximumLeavers)) windows.delete(worker);
    },
    snapshot: () => [...windows].map(([worker, window]) => snapshotWindow(worker, window)),
  };
}

function createWindow(incarnation: number): Window {
  return {
    incarnation,
    contiguous: 0,
    highest: 0,
    sequences: new Float64Array(windowSize),
    versions: new Float64Array(windowSize),
  };
}

function look(window: Window, sequence: number): Sighting {
  const index = sequence % windowSize;
  if (window.sequences[index] === sequence) return { kind: "counted", version: window.versions[index] };
  if (sequence <= window.contiguous) return { kind: "counted", version: undefined };
  const lowest = window.highest - windowSize + 1;
  return sequence < lowest ? { kind: "below_window", lowest } : unseen;
}

function record(window: Window, sequence: number, version: number): void {
  if (sequence <= window.highest - windowSize) return;
  const index = sequence % windowSize;
  window.sequences[index] = sequence;
  window.versions[index] = version;
  window.highest = Math.max(window.highest, sequence);
  advance(window);
}

/** Moves `contiguous` over every number that has counted by now. */
function advance(window: Window): void {
  while (window.sequences[(window.contiguous + 1) % windowSize] === window.contiguous + 1) window.contiguous += 1;
}

function snapshotWindow(worker: number, window: Window): FilteredWorker {
  const counted: number[] = [];
  for (let index = 0; index < windowSize; index += 1) {
    const sequence = window.sequences[index] ?? 0;
    if (sequence > 0) counted.push(sequence, window.versions[index] ?? 0);
  }
  const { incarnation, contiguous, highest } = window;
  return { worker, incarnation, contiguous, highest, counted };
}

function restoreWindow(known: FilteredWorker): Window {
  const window = createWindow(known.incarnation);
  window.highest = known.highest;
  window.contiguous = known.contiguous;
  for (let index = 0; index + 1 < known.counted.length; index += 2) {
    record(window, known.counted[index] ?? 0, known.counted[index + 1] ?? 0);
  }
  return window;
}
