/** What a run knows of its snapshots: values, changed by the pure functions of this folder. */
import type { FlatIntervals, SavedShard, SavedSlot, SnapshotManifest } from "@shoal/protocol";

/** A snapshot on its way. */
export interface SnapshotUnderWay {
  /** Its name. */
  readonly snapshot: string;
  /** Synchronous mode: the version in which every shard is copied; null: each in its own. */
  readonly version: number | null;
  readonly beganAtMs: number;
  readonly saved: ReadonlyMap<number, SavedShard>;
  /** What slots keep from step to step, where they do. */
  readonly slots: ReadonlyMap<number, SavedSlot>;
  /** Batches that all of the saved shards have applied; null: none is saved. */
  readonly done: FlatIntervals | null;
  /** The longest time that a shard stood still, ms. */
  readonly blockedMs: number;
  /** Every shard is saved: since when the manifest is being written. */
  readonly publishingSinceMs: number | null;
}

export interface SnapshotProgress {
  readonly newest: {
    readonly snapshot: string;
    readonly step: number;
    readonly atMs: number;
    readonly bytes: number;
    readonly blockedMs: number;
  } | null;
  readonly failure: string | null;
  /** Somebody has asked for one. */
  readonly isWanted: boolean;
  /** Where the next interval begins: step (synchronous) or batches, and time; null: training has not begun. */
  readonly lastStep: number;
  readonly lastAtMs: number | null;
  /** How far ahead versions are named, in multiples of the usual: it grows when one was passed already. */
  readonly lead: number;
  /** Highest version that a shard was heard to have passed. */
  readonly passed: number;
  /** Snapshots that this coordinator has begun. */
  readonly begun: number;
  readonly underWay: SnapshotUnderWay | null;
  /** Lives of servers that wanted to leave, as "member.incarnation": for each of them a snapshot was asked for. */
  readonly drained: ReadonlySet<string>;
  /** How often in a row the run began again without having come to a new snapshot. */
  readonly fruitless: number;
}

export const noSnapshots: SnapshotProgress = {
  ...{ newest: null, failure: null, isWanted: false, lastStep: 0, lastAtMs: null, lead: 1, passed: 0 },
  ...{ begun: 0, underWay: null, drained: new Set(), fruitless: 0 },
};

/** What a resumed run takes from the snapshot that it begins with. */
export type ResumePoint = Pick<
  SnapshotManifest,
  | "snapshot"
  | "step"
  | "slots"
  | "samples"
  | "seatTerm"
  | "ranges"
  | "done"
  | "stepCuts"
  | "evaluations"
  | "bestLoss"
  | "sinceBest"
>;

/** Where a run begins that has begun before. */
export type RunOrigin =
  /** Its newest snapshot is looked for, because of what its last attempt failed with. */
  { readonly kind: "wanted"; readonly because: string } | { readonly kind: "found"; readonly point: ResumePoint };

export function resumePointOf(manifest: SnapshotManifest): ResumePoint {
  const { snapshot, step, slots, samples, seatTerm, ranges, done } = manifest;
  const { stepCuts, evaluations, bestLoss, sinceBest } = manifest;
  return { snapshot, step, slots, samples, seatTerm, ranges, done, stepCuts, evaluations, bestLoss, sinceBest };
}

/**
 * Names sort by age: attempt, then step, then the coordinator's term and its count. So a snapshot never replaces another
 * one, whoever takes it.
 */
export function nameSnapshot(attempt: number, step: number, term: number, begun: number): string {
  return `${String(attempt).padStart(3, "0")}-${String(step).padStart(10, "0")}-${term}-${begun}`;
}

/** @returns undefined for a name that is no snapshot's */
export function attemptOf(snapshot: string): number | undefined {
  const [, attempt] = /^(\d{3,})-\d{10,}-\d+-\d+$/.exec(snapshot) ?? [];
  return attempt === undefined ? undefined : Number(attempt);
}
