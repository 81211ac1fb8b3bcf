/**
 * The training losses of a run over its steps, in bounded space.
 *
 * Bounds  `maximumBins` (128) means; when they are full neighbours are put together, and each then stands for twice as
 *         many steps.
 */

/** Mean loss over the steps `begin ≤ s < end`. */
export interface LossBin {
  readonly begin: number;
  readonly end: number;
  readonly lossSum: number;
  readonly samples: number;
}

export interface LossHistory {
  /** Steps that a bin holds before the next is begun. */
  readonly width: number;
  /** Ascending; the last one may still grow. */
  readonly bins: readonly LossBin[];
  /** Mean loss of the first batch: what the untrained model has. */
  readonly first: number | null;
}

const maximumBins = 128;

export const emptyHistory: LossHistory = { width: 10, bins: [], first: null };

/** @param report mean loss of its batches and of the first of them; @param step steps done when it came */
export function addLoss(
  history: LossHistory,
  report: { readonly loss: number; readonly first: number; readonly samples: number },
  step: number,
): LossHistory {
  const { loss, samples } = report;
  const first = history.first ?? report.first;
  const last = history.bins.at(-1);
  if (last !== undefined && (step - last.begin <= history.width || step <= last.end)) {
    const end = Math.max(last.end, step);
    const grown = { ...last, end, lossSum: last.lossSum + loss * samples, samples: last.samples + samples };
    return { ...history, first, bins: [...history.bins.slice(0, -1), grown] };
  }
  const begun = { begin: last?.end ?? 0, end: Math.max(step, 1), lossSum: loss * samples, samples };
  const bins = [...history.bins, begun];
  return bins.length < maximumBins
    ? { ...history, first, bins }
    : { width: 2 * history.width, first, bins: halve(bins) };
}

function halve(bins: readonly LossBin[]): readonly LossBin[] {
  return Array.from({ length: Math.ceil(bins.length / 2) }, (_, index) => {
    const pair = bins.slice(2 * index, 2 * index + 2);
    const [left, right] = [pair[0], pair.at(-1)];
    return {
      begin: left?.begin ?? 0,
      end: right?.end ?? 0,
      lossSum: pair.reduce((sum, bin) => sum + bin.lossSum, 0),
      samples: pair.reduce((sum, bin) => sum + bin.samples, 0),
    };
  });
}

export function meanOf({ lossSum, samples }: LossBin): number {
  return samples === 0 ? Number.NaN : lossSum / samples;
}
