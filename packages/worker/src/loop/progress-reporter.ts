/**
 * Reports progress beside the training, never in its way: at most one report each `intervalMs`, each repeated until it
 * is recorded, while the next figures add up.
 *
 * Bounds  One report under way, of at most 4,096 ranges; what is not yet reported is one set of figures and the ranges
 *         of completed batches, which the loops keep few.
 */
import type { Clock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { BatchRange, ProgressFigures, Traffic } from "@shoal/protocol";
import { pause } from "../time/pause.ts";
import { createBatchRanges } from "./batch-ranges.ts";
import type { Conversation } from "./conversation.ts";
import { addMeasured, noFigures, type Measured } from "./progress-figures.ts";
import { createWorkMetrics } from "./work-metrics.ts";

export interface ProgressReporter {
  /** @throws ShoalError what the coordinator refused an earlier report with */
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
  /** Takes what was exchanged since the last call; absent: that is not reported. */
  readonly traffic?: () => Traffic;
  /** What is left unsent now. */
  readonly unsent?: () => Pick<ProgressFigures, "unsentNorm" | "restored">;
  /** Least time between the beginnings of two reports: 100 ms. */
  readonly intervalMs?: number;
}

/** As many as a report may hold (see the schema of `report_progress`). */
const maximumRanges = 4096;

/** Makes a reporter that sends nothing until something is added. */
export function createProgressReporter(options: ProgressReporterOptions): ProgressReporter {
  const draft = createDraft();
  const sender = createSender(options, draft);
  const metrics = createWorkMetrics();
  return {
    add(measured) {
      sender.check();
      draft.add(measured);
      metrics.add(measured);
      sender.begin();
    },
    completed(range) {
      draft.ranges.add(range);
      sender.begin();
    },
    get backlog() {
      return draft.ranges.size;
    },
    async flush() {
      await sender.finish();
      sender.check();
      if (!options.signal.aborted) return;
      throw new ShoalError("cancelled", "the run was stopped before its progress was recorded");
    },
  };
}

/** What the next report will say. */
function createDraft() {
  const ranges = createBatchRanges();
  let figures: ProgressFigures = noFigures;
  return {
    ranges,
    add(measured: Measured): void {
      figures = addMeasured(figures, measured);
    },
    isEmpty: (): boolean => ranges.size === 0 && figures === noFigures,
    take() {
      const taken = { figures, completed: ranges.take(maximumRanges) };
      figures = noFigures;
      return taken;
    },
  };
}

function createSender(options: ProgressReporterOptions, draft: ReturnType<typeof createDraft>) {
  const { clock, conversation, signal, intervalMs = 100 } = options;
  let reports = 0;
  let nextAtMs = clock.now() + intervalMs;
  let sending: Promise<void> | undefined;
  let failure: ShoalError | undefined;
  /** Aborted by whoever cannot wait for the interval. */
  let patience = new AbortController();
  signal.addEventListener("abort", () => patience.abort("stopped"), { once: true });

  const send = async (): Promise<void> => {
    while (!draft.isEmpty() && !signal.aborted) {
      await pause(clock, Math.max(0, nextAtMs - clock.now()), patience.signal);
      reports += 1;
      nextAtMs = clock.now() + intervalMs;
      const { completed, figures } = draft.take();
      const traffic = options.traffic?.();
      const moved = traffic === undefined ? figures : { ...figures, traffic };
      await conversation.reportProgress(reports, completed, { ...moved, ...options.unsent?.() });
    }
  };
  const begin = (): void => {
    if (sending !== undefined || failure !== undefined || draft.isEmpty() || signal.aborted) return;
    sending = send()
      .catch((error: unknown) => {
        failure = ShoalError.from(error);
      })
      .finally(() => {
        sending = undefined;
        begin(); // what was added after the last look
      });
  };
  return {
    begin,
    check(): void {
      if (failure !== undefined) throw failure;
    },
    async finish(): Promise<void> {
      patience.abort("awaited");
      for (begin(); sending !== undefined;) await sending;
      if (!signal.aborted) patience = new AbortController();
    },
  };
}
