/**
 * What a run has under way on this worker, and since when: noted around its computing and its conversation.
 *
 * Bounds  An entry for each call that has not settled: a few.
 */
import type { Clock } from "@shoal/actors";
import type { WorkActivity } from "@shoal/protocol";
import { ownStateOf, type ComputePort } from "../compute/compute-port.ts";
import type { Conversation } from "../loop/conversation.ts";

export interface Doing {
  readonly activity: WorkActivity;
  readonly detail: string;
  /** Clock time, ms. */
  readonly sinceMs: number;
}

/** What gives it when it is asked for, where it changes meanwhile. */
type Asked<T> = T | (() => T);
export type Detail = Asked<string>;

export interface Doings {
  /** Notes that something begins. @returns ends it; idempotent */
  begin(activity: Asked<WorkActivity>, detail: Detail): () => void;
  /** Notes it for as long as `work` takes. */
  during<T>(activity: Asked<WorkActivity>, detail: Detail, work: Promise<T>): Promise<T>;
  /** Oldest first. */
  list(): readonly Doing[];
}

export function createDoings(clock: Clock): Doings {
  const doings = new Set<{
    readonly activity: Asked<WorkActivity>;
    readonly detail: Detail;
    readonly sinceMs: number;
  }>();
  const begin: Doings["begin"] = (activity, detail) => {
    const doing = { activity, detail, sinceMs: clock.now() };
    doings.add(doing);
    return () => void doings.delete(doing);
  };
  return {
    begin,
    async during(activity, detail, work) {
      const end = begin(activity, detail);
      try {
        return await work;
      } finally {
        end();
      }
    },
    list: () =>
      [...doings].map(({ activity, detail, sinceMs }) => ({
        activity: typeof activity === "string" ? activity : activity(),
        detail: typeof detail === "string" ? detail : detail(),
        sinceMs,
      })),
  };
}

export function watchCompute(compute: ComputePort, doings: Doings): ComputePort {
  return {
    gate: compute.gate,
    initialize: (into) => doings.during("computing", "initial values", compute.initialize(into)),
    gradient(work, overlap) {
      const activity = (): WorkActivity => {
        if (overlap?.gated === true) return "gated";
        return compute.describe?.() === undefined ? "computing" : "with_clients";
      };
      const detail = (): string => compute.describe?.() ?? `a batch of epoch ${work.epoch + 1}`;
      return doings.during(activity, detail, compute.gradient(work, overlap));
    },
    evaluate: (parameters) => doings.during("evaluating", "", compute.evaluate(parameters)),
    ...ownStateOf(compute),
    describe: () => compute.describe?.(),
    finished: async (reason) => compute.finished?.(reason),
    close: () => compute.close(),
  };
}

/** A worker is without a lease from its first request for batches until some are granted, however often it asks. */
export function watchConversation(conversation: Conversation, doings: Doings): Conversation {
  let endWait: (() => void) | undefined;
  return {
    async requestBatches() {
      endWait ??= doings.begin("without_lease", "");
      const reply = await conversation.requestBatches();
      if (reply.type === "batches_pending") return reply;
      endWait();
      endWait = undefined;
      return reply;
    },
    reportProgress: (...report) =>
      doings.during("asking", "to have its progress recorded", conversation.reportProgress(...report)),
    reportEvaluation: (measured) =>
      doings.during("asking", "to have its evaluation recorded", conversation.reportEvaluation(measured)),
  };
}
