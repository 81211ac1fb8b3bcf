/**
 * Adaptive batches outside synchronous mode: the plan numbers parts of batches, and an iteration takes as many of them as
 * its worker's speed allows, at most those of a whole batch.
 */
import { contributionSamples, type Communication } from "./communication.ts";

/** Batches of the plan that one push may stand for. */
export const maximumBatchesOfPush = 1024;

/** Parts of a batch, the first that divides it: a worker that is more than so many times slower sets the pace again. */
const divisions = [8, 7, 6, 5, 4] as const;

export interface BatchParts {
  /** Samples of one batch of the plan. */
  readonly samples: number;
  /** Batches of the plan that make a whole batch of the job, at least 1. */
  readonly parts: number;
}

interface PartedJob {
  readonly batchSize: number;
  readonly accumulation: number;
  readonly communication: Communication;
  readonly consistency: { readonly mode: string };
  readonly stragglers: { readonly adaptiveBatch: boolean };
}

/** What the plan of a job numbers. A batch that no division divides becomes a little smaller: parts are of whole samples. */
export function batchParts(job: PartedJob): BatchParts {
  const whole = contributionSamples(job);
  if (!job.stragglers.adaptiveBatch || job.consistency.mode === "synchronous") return { samples: whole, parts: 1 };
  const samples = Math.ceil(whole / (divisions.find((parts) => whole % parts === 0) ?? divisions[0]));
  return { samples, parts: Math.floor(whole / samples) };
}
