/** What a shard knows beside its vectors: versions, clocks, filters, and its own record. */
import type { UpdateRecord } from "@shoal/protocol";
import { createBatchSet, type BatchIntervals, type BatchSet } from "./batch-set.ts";
import { createDuplicateFilter, type DuplicateFilter, type FilteredWorker } from "./duplicate-filter.ts";
import { createUpdateLog, type UpdateLog } from "./update-log.ts";
import { createWorkerClocks, type ClockEntry, type WorkerClocks } from "./worker-clocks.ts";

export interface Counters {
  duplicates: number;
  /** Stale pushes, and pushes that were refused with an error. */
  rejected: number;
  /** Pushes that counted, and their staleness. */
  counted: number;
  stalenessSum: number;
  stalenessMax: number;
}

export interface Progress {
  initialized: boolean;
  version: number;
  readonly clocks: WorkerClocks;
  readonly filter: DuplicateFilter;
  readonly batches: BatchSet;
  readonly log: UpdateLog;
  readonly counters: Counters;
}

/** Progress as plain data. */
export interface ProgressSnapshot {
  readonly initialized: boolean;
  readonly version: number;
  readonly clocks: readonly ClockEntry[];
  readonly filter: readonly FilteredWorker[];
  readonly batches: BatchIntervals;
  /** The newest updates; at most {@link snapshotUpdates}. */
  readonly updates: readonly UpdateRecord[];
  readonly counters: Readonly<Counters>;
}

/** Updates that a snapshot carries along: 4,096. */
export const snapshotUpdates = 4096;

const nothing: ProgressSnapshot = {
  initialized: false,
  version: 0,
  clocks: [],
  filter: [],
  batches: [],
  updates: [],
  counters: { duplicates: 0, rejected: 0, counted: 0, stalenessSum: 0, stalenessMax: 0 },
};

export function createProgress(from: ProgressSnapshot = nothing): Progress {
  return {
    initialized: from.initialized,
    version: from.version,
    clocks: createWorkerClocks(from.clocks),
    filter: createDuplicateFilter(from.filter),
    batches: createBatchSet(from.batches),
    log: createUpdateLog(from.updates),
    counters: { ...from.counters },
  };
}

export function snapshotProgress(progress: Progress): ProgressSnapshot {
  return {
    initialized: progress.initialized,
    version: progress.version,
    clocks: progress.clocks.snapshot(),
    filter: progress.filter.snapshot(),
    batches: progress.batches.intervals(),
    updates: progress.log.newest(snapshotUpdates),
    counters: { ...progress.counters },
  };
}
