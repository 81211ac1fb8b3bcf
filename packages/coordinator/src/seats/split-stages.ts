/** The stages of a split that has been decided on: coming to rest, being copied, given up. */
import { isSynchronous, type RunState } from "../runs/run-state.ts";
import type { SplitProgress } from "./split-progress.ts";

/** No batches are given out: the run stands still to be cut. */
export function isResting(run: RunState): boolean {
  return run.split.ranges !== null && !isSynchronous(run);
}

/**
 * What is copied now is what the run goes on from with other ranges: of a synchronous run any version, because what follows is
 * computed again to the same bits; else what lies still, so that it lacks nothing.
 */
export function isCutFrom(run: RunState): boolean {
  return run.phase === "training" && run.split.ranges !== null && (isSynchronous(run) || run.split.awaits === null);
}

/** Training goes on with the ranges as they are. What waited for batches counts as silent from now on. */
export function giveUpSplit(run: RunState, failure: string, now: number): RunState {
  const hot = run.split.hot && { ...run.split.hot, sinceMs: now };
  return { ...withSplit(run, { ranges: null, awaits: null, failure, hot }), progressAtMs: now };
}

export function withSplit(run: RunState, change: Partial<SplitProgress>): RunState {
  return { ...run, split: { ...run.split, ...change } };
}
