/**
 * Reports progress beside the training, never in its way: at most one report each `intervalMs`, each repeated until it
 * is recorded, while the next figures add up.
 *
 * Bounds  One report under way, of at most 4,096 ranges; what is not yet reported is one set of figures and the ranges
 *         of completed batches, which the loops keep few.
 */
import type { Clock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { BatchRange, ProgressFigures } from "@shoal/protocol";
import { pause } from "../time/pause.ts";
import { createBatchRanges } from "./batch-ranges.ts";
import type { Conversation } from "./conversation.ts";
import { addMeasured, noFigures, type Measured } from "./progress-figures.ts";

export interface ProgressReporter {
  add(measured: Measured): void;
  /** All shards have acknowledged these batches. */
  completed(range: BatchRange): void;
  /** Ranges that wait to be reported. */
  readonly backlog: number;
  /** Settles when everything added so far has been recorded. @throws ShoalError cancelled - the run was stopped */
  flush(): Promise<void>;
}

export interface ProgressReporterOptions {
  readonly clock: Clock;
  readonly conversation: Pick<Conversation, "reportProgress">;
  readonly signal: AbortSignal;
  /** Least time between the beginnings of two reports: 100 ms. */
  readonly intervalMs?: number;
}

/** As many as a report may hold (see the schema of `report_progress`). */
const maximumRanges = 4096;

export function createProgressReporter(options: ProgressReporterOptions): ProgressReporter {
  const { clock, conversation, signal, intervalMs = 100 } = options;
  const ranges = createBatchRanges();
  let figures: ProgressFigures = noFigures;
  let reports = 0;
  let nextAtMs = clock.now() + intervalMs;
  let sending: Promise<void> | undefined;
  let failure: ShoalError | undefined;
  let isFlushing = false;
  let hurry = new AbortController();

  const isEmpty = (): boolean => ranges.size === 0 && figures === noFigures;
  const report = async (): Promise<void> => {
    const taken = figures;
    figures = noFigures;
    reports += 1;
    nextAtMs = clock.now() + intervalMs;
    await conversation.reportProgress(reports, ranges.take(maximumRanges), taken);
  };
  const work = async (): Promise<void> => {
    while (!isEmpty() && !signal.aborted) {
      const waitMs = nextAtMs - clock.now();
      if (waitMs > 0 && !isFlushing) await pause(clock, waitMs, hurry.signal);
      await report();
    }
  };
  const begin = (): void => {
    if (sending !== undefined || failure !== undefined || isEmpty() || signal.aborted) return;
    sending = work()
      .catch((error: unknown) => {
        failure = ShoalError.from(error);
      })
      .finally(() => {
        sending = undefined;
      });
  };
  signal.addEventListener("abort", () => hurry.abort(), { once: true });

  return {
    add(measured) {
      figures = addMeasured(figures, measured);
      begin();
    },
    completed(range) {
      ranges.add(range);
      begin();
    },
    get backlog() {
      return ranges.size;
    },
    async flush() {
      isFlushing = true;
      hurry.abort();
      begin();
      await sending;
      isFlushing = false;
      hurry = new AbortController();
      if (failure !== undefined) throw failure;
      if (signal.aborted) throw new ShoalError("cancelled", "the run was stopped before its progress was recorded");
    },
  };
}
