/** Adds up what a worker measured between two reports. */
import { maximumStoodIn, type ProgressFigures, type PushReply, type StoodIn } from "@shoal/protocol";

/** What one batch, or one wait, adds. */
export interface Measured {
  /** The worker's clock after it. */
  readonly clock: number;
  /** Mean loss over `samples`. */
  readonly loss?: number;
  readonly samples?: number;
  readonly computeMs?: number;
  readonly waitMs?: number;
  /** Replies of the shards to a push. */
  readonly replies?: readonly PushReply[];
  /** Slots of others that this worker contributed. */
  readonly stoodIn?: readonly StoodIn[];
}

export const noFigures: ProgressFigures = {
  clock: 0,
  loss: null,
  firstLoss: null,
  samples: 0,
  stalenessSum: 0,
  stalenessMax: 0,
  pushes: 0,
  computeMs: 0,
  waitMs: 0,
};

/** The figures with one measurement more; the loss is the mean over samples. */
export function addMeasured(figures: ProgressFigures, measured: Measured): ProgressFigures {
  const { clock, loss = 0, samples = 0, computeMs = 0, waitMs = 0, replies = [], stoodIn = [] } = measured;
  const staleness = replies.flatMap((reply) => (reply.type === "push_applied" ? [reply.staleness] : []));
  const total = figures.samples + samples;
  const all = [...(figures.stoodIn ?? []), ...stoodIn];
  const lossSum = (figures.loss ?? 0) * figures.samples + loss * samples;
  return {
    clock: Math.max(figures.clock, clock),
    loss: total === 0 ? null : lossSum / total,
    firstLoss: figures.firstLoss ?? (samples === 0 ? null : loss),
    samples: total,
    stalenessSum: staleness.reduce((sum, value) => sum + value, figures.stalenessSum),
    stalenessMax: Math.max(figures.stalenessMax, ...staleness),
    pushes: figures.pushes + staleness.length,
    computeMs: figures.computeMs + computeMs,
    waitMs: figures.waitMs + waitMs,
    ...(all.length > 0 && { stoodIn: newestSteps(all) }),
  };
}

/** One entry a slot. */
function newestSteps(stoodIn: readonly StoodIn[]): readonly StoodIn[] {
  const steps = new Map<number, number>();
  for (const { slot, step } of stoodIn) steps.set(slot, Math.max(step, steps.get(slot) ?? 0));
  return [...steps].slice(0, maximumStoodIn).map(([slot, step]) => ({ slot, step }));
}
