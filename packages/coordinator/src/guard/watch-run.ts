/** The guard of one run: gathers what it watches, and carries out what is decided. */
import { baseLearningRateOf, parseOptimizerSpec, parseStalenessSpec } from "@shoal/optimization";
import { batchParts, type ProgressFigures, type ShardSummary } from "@shoal/protocol";
import { failRun } from "../runs/end-run.ts";
import { awaitsCounts } from "../runs/lost-batches.ts";
import { isSynchronous, type RunState } from "../runs/run-state.ts";
import { decideGuard, staleCause, type GuardWindow } from "./decide-guard.ts";
import type { VitalSigns } from "./guard-state.ts";
import { addLoss, emptyHistory } from "./loss-history.ts";

/** How often the shards of a training run are asked for their vital signs, ms. */
const askEveryMs = 1000;
/** The same for what only has to be counted before the run completes, ms. */
const countEveryMs = 100;

/** @param fills some copy is being filled for long, and it matters how it comes on */
export function isAskDue(run: RunState, now: number, fills: boolean): boolean {
  const isAsked = run.job.guard.action !== "off" || run.copies > 0 || fills;
  if (awaitsCounts(run)) return now - run.guard.askedAtMs >= countEveryMs;
  return run.phase === "training" && isAsked && now - run.guard.askedAtMs >= askEveryMs;
}

/** Takes a worker's report into the losses. */
export function noteLoss(run: RunState, { loss, firstLoss, samples }: ProgressFigures): RunState {
  if (loss === null || samples === 0) return run;
  const losses = addLoss(run.guard.losses, { loss, first: firstLoss ?? loss, samples }, stepsDone(run));
  return { ...run, guard: { ...run.guard, losses } };
}

export function noteShards(run: RunState, shards: readonly ShardSummary[]): RunState {
  const signs = new Map(run.guard.signs);
  for (const { shard, stalenessP95, gradientNorm, updateRatio, bound, seat } of shards) {
    if (seat !== undefined && seat.role !== "primary") continue;
    signs.set(shard, { stalenessP95, gradientNorm, updateRatio, bound });
  }
  return { ...run, guard: { ...run.guard, signs } };
}

/** Lets the run go on, or ends it, or makes it fall back. */
export function guardTraining(run: RunState, now: number): RunState {
  const { guard } = run;
  if (run.job.guard.action === "off" && guard.warning === null) return run;
  const decision = decideGuard(windowOf(run));
  switch (decision.kind) {
    case "go_on":
      return guard.warning === null ? run : { ...run, guard: { ...guard, warning: null } };
    case "warn":
      return guard.warning !== null ? run : { ...run, guard: { ...guard, warning: decision.reason } };
    case "stop":
      return failRun(run, "cannot_learn", `run ${run.run} cannot learn: ${decision.reason}`, {}, now);
    case "fall_back": {
      const losses = { ...emptyHistory, first: guard.losses.first };
      const revision = run.roster.revision + 1;
      const roster = { ...run.roster, revision, servedRevision: revision };
      return { ...run, roster, guard: { ...guard, losses, fellBack: decision.reason } };
    }
  }
}

/** Why gradients became NaN, as far as it is known: follows the sentence of the worker that met one. */
export function divergenceText(run: RunState): string {
  const window = windowOf(run);
  const cause = staleCause(window) ?? `the learning rate is ${window.learningRate}`;
  return ` (since step ${stepsDone(run)}; ${cause})`;
}

/** Steps, in synchronous mode; whole batches in the others. */
function stepsDone(run: RunState): number {
  const batches = run.ledger?.doneCount ?? 0;
  return isSynchronous(run)
    ? Math.floor(batches / Math.max(1, run.slots))
    : Math.floor(batches / batchParts(run.job).parts);
}

function windowOf(run: RunState): GuardWindow {
  const { job, guard } = run;
  const { weight, compensation } = parseStalenessSpec(job.staleness);
  const signs = [...guard.signs.values()];
  const greatest = (pick: (each: VitalSigns) => number | null): number | null =>
    signs.reduce<number | null>((most, each) => {
      const value = pick(each);
      return value === null ? most : Math.max(value, most ?? value);
    }, null);
  return {
    settings: job.guard,
    losses: guard.losses,
    isUnruled: !isSynchronous(run) && isFlat(weight.name) && compensation.name === "none",
    hasFallenBack: guard.fellBack !== null,
    stalenessP95: greatest((each) => each.stalenessP95) ?? 0,
    stalenessMean: run.figures.pushes === 0 ? 0 : run.figures.stalenessSum / run.figures.pushes,
    gradientNorm: greatest((each) => each.gradientNorm),
    updateRatio: greatest((each) => each.updateRatio),
    learningRate: baseLearningRateOf(parseOptimizerSpec(job.optimizer)),
  };
}

/** Rules that weigh a stale gradient like a fresh one. */
function isFlat(weight: string): boolean {
  return weight === "none" || weight === "constant";
}
