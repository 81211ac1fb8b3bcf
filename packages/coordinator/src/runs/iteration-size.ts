/**
 * Adaptive batches by lease: how many parts of a batch make one iteration of a worker, so that all iterations last alike.
 *
 *   parts per iteration = parts / (its time for a sample / the median's)
 *
 * Clocks then advance alike, and a bound on them keeps its meaning without anybody waiting at it.
 */
export interface IterationFacts {
  /** Parts of a whole batch. */
  readonly parts: number;
  /** What held so far. */
  readonly previous: number | null;
  /** The worker's time for a sample as a multiple of the median; null: not known. */
  readonly pace: number | null;
}

export interface IterationDecision {
  readonly kind: "keep" | "change";
  /** From 1 to `parts`; fractions are averages over iterations. */
  readonly perIteration: number;
  readonly reason: string;
}

/** Smaller differences, as a share, change nothing. */
const noticeable = 0.03;

export function decideIteration({ parts, previous, pace }: IterationFacts): IterationDecision {
  const held = previous ?? parts;
  if (pace === null) return { kind: "keep", perIteration: held, reason: "its speed is not known" };
  const wanted = Math.min(parts, Math.max(1, parts / pace));
  const reason = `a sample takes it ${pace.toFixed(2)} times as long as the median worker`;
  const differs = Math.abs(wanted - held) > noticeable * held;
  return differs ? { kind: "change", perIteration: wanted, reason } : { kind: "keep", perIteration: held, reason };
}
