/** Puts a snapshot whose shards are all saved into its manifest. */
import { sizeOf, type Evaluation, type FlatIntervals, type SnapshotManifest } from "@shoal/protocol";
import { addEvaluation, emptyEvaluationLog } from "../runs/evaluation-log.ts";
import { isSynchronous, type RunState } from "../runs/run-state.ts";
import type { SnapshotUnderWay } from "./snapshot-state.ts";

/** @returns undefined while the run lacks what a snapshot needs: it has never begun to train */
export function composeManifest(run: RunState, underWay: SnapshotUnderWay, now: number): SnapshotManifest | undefined {
  const { plan, placement, job } = run;
  if (plan === null || placement === null) return undefined;
  const { version } = underWay;
  const shards = [...underWay.saved.values()].toSorted((a, b) => a.shard - b.shard);
  const step = version ?? shards.reduce((least, shard) => Math.min(least, shard.version), Number.MAX_SAFE_INTEGER);
  const done = doneAt(run, underWay, plan.totalBatches);
  return {
    ...{ format: 1, kind: "shoal-snapshot", run: run.run, snapshot: underWay.snapshot, attempt: run.attempt },
    ...{ takenAtMs: now, step, job, slots: run.slots, samples: plan.samples, seatTerm: run.seatTerm },
    ranges: placement.shards.filter((shard) => sizeOf(shard) > 0).flatMap((each) => [each.shard, each.begin, each.end]),
    done,
    stepCuts: run.stepCuts === null ? null : { cuts: run.stepCuts.cuts, until: run.stepCuts.until },
    ...evaluationsAt(run, version === null ? countOf(done) : version),
    loss: run.figures.loss,
    random: { seed: job.seed },
    shards,
    ...(underWay.slots.size > 0 && {
      slotStates: [...underWay.slots.values()].toSorted((a, b) => a.slot - b.slot),
    }),
  };
}

/** Of all objects that it names. */
export function bytesOf({ shards, slotStates = [] }: SnapshotManifest): number {
  return [...shards, ...slotStates].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** A step stands for all batches of those before it, also where it was closed without some of them. */
function doneAt(run: RunState, { version, done }: SnapshotUnderWay, totalBatches: number): FlatIntervals {
  if (version === null || !isSynchronous(run)) return done ?? [];
  return version === 0 ? [] : [0, Math.min(totalBatches, version * run.slots)];
}

function countOf(done: FlatIntervals): number {
  return done.reduce((sum, bound, index) => sum + (index % 2 === 1 ? bound : -bound), 0);
}

/** What is measured later is measured again. @param step steps, or batches outside synchronous mode */
function evaluationsAt(
  { evaluations }: RunState,
  step: number,
): { readonly evaluations: readonly Evaluation[]; readonly bestLoss: number | null; readonly sinceBest: number } {
  const { list, bestLoss, sinceBest } = evaluations;
  const known = list.filter((evaluation) => evaluation.step <= step);
  if (known.length === list.length) return { evaluations: list, bestLoss, sinceBest };
  const log = known.reduce((log, each) => addEvaluation(log, each, known.length), emptyEvaluationLog);
  return { evaluations: known, bestLoss: log.bestLoss, sinceBest: log.sinceBest };
}
