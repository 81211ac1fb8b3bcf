/**
 * Whether a run can still learn: a pure decision from its losses and from what its shards measure.
 *
 * A run is stopped only where the loss says that it does not learn *and* something says why:
 *   grown   the loss has stayed above ten times that of the untrained model for the newest steps;
 *   flat    for `patience` steps the loss has not got better by 1 %, and it is no better than 90 % of the untrained
 *           model's; the cause is staleness without a rule (Zhang et al., IJCAI 2016: asynchronous training fails from
 *           some staleness on unless stale gradients count less), updates as large as the values, or a zero gradient.
 * A loss that is merely flat is a warning: a model that has converged, or one that learns slowly, must go on.
 */
import { counted } from "@shoal/errors";
import type { GuardSettings } from "@shoal/protocol";
import { meanOf, type LossBin, type LossHistory } from "./loss-history.ts";

export interface GuardWindow {
  readonly settings: GuardSettings;
  readonly losses: LossHistory;
  /** Stale gradients count as much as fresh ones: no rule weighs them. */
  readonly isUnruled: boolean;
  /** The guard has fallen back to inverse weights already. */
  readonly hasFallenBack: boolean;
  /** 95th percentile of the newest stalenesses, over all shards. */
  readonly stalenessP95: number;
  /** Mean over the run, as the workers report it: known before the shards have been asked. */
  readonly stalenessMean: number;
  /** Norm of a gradient of the last moments; null: not known. */
  readonly gradientNorm: number | null;
  /** By which share an update of the last moments changed the values; null: not known. */
  readonly updateRatio: number | null;
  readonly learningRate: number;
}

export type GuardDecision =
  | { readonly kind: "go_on"; readonly reason: string }
  | { readonly kind: "warn"; readonly reason: string }
  | { readonly kind: "fall_back"; readonly reason: string }
  | { readonly kind: "stop"; readonly reason: string };

/** The loss has grown when it is so many times that of the untrained model… */
const growth = 10;
/** … or so many times, where stale gradients explain it and there is something to fall back to. */
const earlyGrowth = 3;
/** Steps over which it must have stayed there. */
const growthSteps = 50;
/** A model whose loss is no better than this share of the untrained one's has learned nothing. */
const nothingLearned = 0.9;
/** Least improvement, as a share, that counts as one. */
const improvement = 0.01;
/** Staleness from which unweighted gradients are taken for the cause. */
const harmfulStaleness = 4;
/** An update that changes the values by this share takes away what was learned. */
const harmfulRatio = 0.3;

export function decideGuard(window: GuardWindow): GuardDecision {
  const { losses, settings } = window;
  const { first, bins } = losses;
  if (settings.action === "off") return goOn("the guard is off");
  if (first === null || first <= 0 || bins.length < 3) return goOn("too few losses");
  const grown = decideGrowth(window, first, bins);
  return grown ?? decideFlatness(window, first, bins);
}

function decideGrowth(window: GuardWindow, first: number, bins: readonly LossBin[]): GuardDecision | undefined {
  const recent = newest(bins, growthSteps);
  if (recent.length < 2) return undefined;
  const lowest = Math.min(...recent.map(meanOf));
  const stale = staleCause(window);
  const needed = stale !== undefined && mayFallBack(window) ? earlyGrowth : growth;
  if (!(lowest > needed * first)) return undefined;
  const before = bins.findLast((bin) => meanOf(bin) <= first) ?? bins[0];
  const steps = (bins.at(-1)?.end ?? 0) - (before?.end ?? 0);
  const sentence = `loss grew ${round(lowest / first)}× in ${counted(steps, "step")} (${round(first)} to ${round(lowest)})`;
  const cause = stale ?? `the learning rate ${window.learningRate} may be too high`;
  return act(window, `${cause}; ${sentence}`, stale !== undefined);
}

function decideFlatness(window: GuardWindow, first: number, bins: readonly LossBin[]): GuardDecision {
  const { settings, gradientNorm, updateRatio } = window;
  const steps = (bins.at(-1)?.end ?? 0) - (bins[lastImprovement(bins)]?.end ?? 0);
  if (steps < settings.patience) return goOn(`the loss got better ${counted(steps, "step")} ago`);
  const recent = mean(newest(bins, settings.patience / 4));
  if (!(recent > nothingLearned * first)) return goOn("the loss is below that of the untrained model");
  const sentence = `loss flat for ${counted(steps, "step")} (${round(recent)}, untrained ${round(first)})`;
  const stale = staleCause(window);
  if (stale !== undefined) return act(window, `${stale}; ${sentence}`, true);
  if (window.hasFallenBack) return act(window, `${sentence}, also with inverse weights for stale gradients`, false);
  if (gradientNorm === 0) return act(window, `the gradient is zero; ${sentence}`, false);
  if (updateRatio !== null && updateRatio > harmfulRatio) {
    const share = `an update changes the parameters by ${round(100 * updateRatio)} %`;
    return act(window, `${share}: the learning rate ${window.learningRate} is too high; ${sentence}`, false);
  }
  return { kind: "warn", reason: sentence };
}

/** What the job allows. */
function act(window: GuardWindow, reason: string, isStale: boolean): GuardDecision {
  if (window.settings.action === "warn") return { kind: "warn", reason };
  return isStale && mayFallBack(window) ? { kind: "fall_back", reason } : { kind: "stop", reason };
}

function mayFallBack({ settings, isUnruled, hasFallenBack }: GuardWindow): boolean {
  return settings.action === "fall_back" && isUnruled && !hasFallenBack;
}

/** Stale gradients as a cause, in words; undefined when they are none. */
export function staleCause(
  window: Pick<GuardWindow, "isUnruled" | "hasFallenBack" | "stalenessP95" | "stalenessMean">,
): string | undefined {
  const { isUnruled, hasFallenBack, stalenessP95, stalenessMean } = window;
  if (!isUnruled || hasFallenBack || Math.max(stalenessP95, stalenessMean) < harmfulStaleness) return undefined;
  const measured = stalenessP95 < stalenessMean ? `mean = ${round(stalenessMean)}` : `p95 = ${round(stalenessP95)}`;
  return `staleness ${measured} with no rule`;
}

/** Index of the bin that was the last to be better than all before it. */
function lastImprovement(bins: readonly LossBin[]): number {
  let best = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const [index, bin] of bins.entries()) {
    const loss = meanOf(bin);
    if (!(loss < best - improvement * Math.abs(Number.isFinite(best) ? best : 0))) continue;
    best = loss;
    last = index;
  }
  return last;
}

/** The newest bins that begin within the last `steps` steps. */
function newest(bins: readonly LossBin[], steps: number): readonly LossBin[] {
  const end = bins.at(-1)?.end ?? 0;
  return bins.filter((bin) => bin.begin >= end - Math.max(steps, 2 * (bin.end - bin.begin)));
}

function mean(bins: readonly LossBin[]): number {
  const samples = bins.reduce((sum, bin) => sum + bin.samples, 0);
  return bins.reduce((sum, bin) => sum + bin.lossSum, 0) / samples;
}

function goOn(reason: string): GuardDecision {
  return { kind: "go_on", reason };
}

/** Four digits at most. */
function round(value: number): string {
  return String(Number(value.toPrecision(4)));
}
