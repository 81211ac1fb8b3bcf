/**
 * A run begins again from a snapshot, as another attempt: queued once more, with the members of the last attempt that have to
 * drop it first. Its shards are cut as they were, and dealt out anew.
 */
import { counted } from "@shoal/errors";
import { layoutOf, parseModelSpec } from "@shoal/models";
import type { SnapshotManifest } from "@shoal/protocol";
import { failRun, sentenceOf } from "../runs/end-run.ts";
import { unflat } from "../journal/run-records.ts";
import { countOf, subtractSet } from "../leases/interval-set.ts";
import { createRun, hasEnded, isSynchronous, isUnderWay, type RunState } from "../runs/run-state.ts";
import { neverSplit } from "../seats/split-progress.ts";
import { giveUpSplit } from "../seats/split-stages.ts";
import { noSnapshots, resumePointOf, type ResumePoint, type RunOrigin } from "./snapshot-state.ts";

/** Attempts in a row that may end without a new snapshot. */
const maximumFruitless = 3;
/** Revisions that one attempt may have: those of the next are newer than all of them. */
const revisionsAnAttempt = 2 ** 20;

interface Attempt {
  readonly submission: string;
  readonly attempt: number;
  readonly origin: RunOrigin;
}

/** @param old the run as it was here, ended */
export function restartRun(old: RunState, { submission, attempt, origin }: Attempt, now: number): RunState {
  const { run, job, parameterCount } = old;
  const fresh = createRun({ run, submission, job, parameterCount }, now);
  const fruitless = old.snapshots.newest === null ? old.snapshots.fruitless + 1 : 0;
  return {
    ...fresh,
    ...{ attempt, origin, servers: old.servers, workers: old.workers, orphaned: old.orphaned, seatTerm: old.seatTerm },
    roster: { ...fresh.roster, revision: Math.max(old.roster.revision, attempt * revisionsAnAttempt) },
    snapshots: { ...noSnapshots, fruitless },
    split: { ...neverSplit, count: old.split.count },
  };
}

/** The run as it is not known here: another cluster had it. */
export function unknownRun(manifest: SnapshotManifest, now: number): RunState {
  const { run, job } = manifest;
  const parameterCount = layoutOf(parseModelSpec(job.model)).size;
  return createRun({ run, submission: "", job, parameterCount }, now);
}

export function found(manifest: SnapshotManifest): RunOrigin {
  return { kind: "found", point: resumePointOf(manifest) };
}

/**
 * A run that has lost a server and all copies of its shards begins again by itself, if it takes snapshots, or has not done
 * anything yet since the one that it goes on from.
 * @param before as it was before it failed
 */
export function restartAfterLoss(before: RunState, run: RunState, now: number): RunState {
  if (!isUnderWay(before) || !hasEnded(run) || run.error?.code !== "server_lost") return run;
  if (run.snapshots.fruitless >= maximumFruitless) return run;
  const isUntouched = before.phase === "starting" && pointOf(before) !== undefined;
  if (run.job.durability.snapshots === null && !isUntouched) return run;
  const wanted: RunOrigin = { kind: "wanted", because: sentenceOf(run.error) };
  const origin = isUntouched ? (before.origin ?? wanted) : wanted;
  return restartRun(run, { submission: run.submission, attempt: run.attempt + 1, origin }, now);
}

/**
 * The run goes on from a snapshot with the ranges that were decided: its servers cut what was saved. Nothing that counts is
 * given up: what a synchronous run has done since is computed again, to the same bits; another must have it in the copies.
 */
export function restartCut(run: RunState, manifest: SnapshotManifest, now: number): RunState {
  const { submission, attempt, split } = run;
  if (split.ranges === null || !isUnderWay(run)) return run;
  const lacking = isSynchronous(run) ? 0 : countOf(subtractSet(run.ledger?.done ?? [], unflat(manifest.done)));
  if (lacking > 0)
    return giveUpSplit(run, `its copies lack ${counted(lacking, "batch that is", "batches that are")} done`, now);
  const point = resumePointOf(manifest);
  const ranges = split.ranges.flatMap(({ begin, end }, shard) => [shard, begin, end]);
  const origin: RunOrigin = { kind: "found", point: { ...point, ranges } };
  return restartRun(run, { submission, attempt: attempt + 1, origin }, now);
}

/** @param sentence why there is nothing to go on from */
export function nothingFound(run: RunState, sentence: string, now: number): RunState {
  if (run.phase !== "queued" || run.origin?.kind !== "wanted") return run;
  return failRun(run, "server_lost", `${run.origin.because}; ${sentence}`, {}, now);
}

/** The snapshot that a run begins with. */
export function pointOf({ origin }: Pick<RunState, "origin">): ResumePoint | undefined {
  return origin?.kind === "found" ? origin.point : undefined;
}
