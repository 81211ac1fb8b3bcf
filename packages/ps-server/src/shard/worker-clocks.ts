/**
 * The clocks of the workers of a run, as one shard counts them: what a bounded pull is measured by.
 *
 * A worker's clock here is `start + (its own clock − the first clock it showed)`: what it did since it took part. All
 * that were there at the beginning start at 0. A late joiner, and a worker that comes back as a new incarnation, start
 * at the clock of the slowest worker of that moment, wherever their own count stands: they neither hold the others back
 * by what they missed, nor run ahead of them by what they did before.
 *
 * Who leaves the list is not waited for; who is listed again starts like a late joiner. (The coordinator takes a worker
 * that has no batches left off the list, otherwise the last batches of a run would wait for it.)
 *
 * With an empty member list ("open") whoever shows up takes part from then on, as far as there is room; nobody is
 * waited for unseen.
 */
import type { RunMembers } from "@shoal/protocol";
import { maximumWorkers } from "./duplicate-filter.ts";

export interface ClockOf {
  readonly worker: number;
  readonly clock: number;
}

/** One worker's clock as plain data. */
export interface ClockEntry {
  readonly worker: number;
  readonly incarnation: number;
  readonly start: number;
  readonly first: number | null;
  readonly clock: number;
}

export interface WorkerClocks {
  /** Takes over a new member list: those that left no longer count. */
  update(members: RunMembers): void;
  /**
   * The worker shows its own clock, by a pull or a push.
   * @returns that clock in the shard's count; undefined for one that takes no part
   */
  show(worker: number, incarnation: number, clock: number): number | undefined;
  /** The worker has finished the iteration that its own count calls `clock`. */
  finish(worker: number, incarnation: number, clock: number): void;
  /** Those whose clock is below `clock`, slowest first. */
  below(clock: number): readonly ClockOf[];
  snapshot(): readonly ClockEntry[];
}

type Entry = { -readonly [K in keyof ClockEntry]: ClockEntry[K] };

/** @param initial what `snapshot()` of another instance returned */
export function createWorkerClocks(initial: readonly ClockEntry[] = []): WorkerClocks {
  const entries = new Map<number, Entry>(initial.map((entry) => [entry.worker, { ...entry }]));
  let open = true;

  const begin = (worker: number, incarnation: number, start: number): Entry => {
    const entry: Entry = { worker, incarnation, start, first: null, clock: start };
    entries.set(worker, entry);
    return entry;
  };
  /** The worker's entry, made or renewed where that is due; undefined when it takes no part. */
  const entryOf = (worker: number, incarnation: number): Entry | undefined => {
    const entry = entries.get(worker);
    if (entry === undefined) {
      return open && entries.size < maximumWorkers ? begin(worker, incarnation, slowest(entries)) : undefined;
    }
    if (entry.incarnation === incarnation) return entry;
    return entry.incarnation > incarnation ? undefined : begin(worker, incarnation, slowest(entries));
  };
  const show = (worker: number, incarnation: number, clock: number): number | undefined => {
    const entry = entryOf(worker, incarnation);
    if (entry === undefined) return undefined;
    entry.first ??= clock;
    return Math.max(0, entry.start + clock - entry.first);
  };
  return {
    update(members) {
      open = members.workers.length === 0;
      if (open) return;
      const before = slowest(entries);
      const listed = new Map(members.workers.map((worker) => [worker.member, worker.incarnation]));
      for (const worker of entries.keys()) if (!listed.has(worker)) entries.delete(worker);
      for (const [worker, { incarnation }] of entries)
        if (incarnation < (listed.get(worker) ?? 0)) entries.delete(worker);
      const start = entries.size === 0 ? before : slowest(entries);
      for (const [worker, incarnation] of listed) {
        if ((entries.get(worker)?.incarnation ?? -1) < incarnation) begin(worker, incarnation, start);
      }
    },
    show,
    finish(worker, incarnation, clock) {
      const reached = show(worker, incarnation, clock);
      const entry = entries.get(worker);
      if (reached !== undefined && entry !== undefined) entry.clock = Math.max(entry.clock, reached + 1);
    },
    below: (clock) =>
      [...entries.values()].filter((entry) => entry.clock < clock).toSorted((a, b) => a.clock - b.clock),
    snapshot: () => [...entries.values()].map((entry) => ({ ...entry })),
  };
}

/** The smallest clock; 0 when there is none. */
function slowest(entries: ReadonlyMap<number, Entry>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { clock } of entries.values()) least = Math.min(least, clock);
  return entries.size === 0 ? 0 : least;
}
