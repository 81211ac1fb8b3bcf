/** What working workers say: requests for batches, progress, evaluations, failures. */
import type { Placement, WorkMessage } from "@shoal/protocol";
import { withRun, type ClusterState } from "../cluster-state.ts";
import { isComplete } from "../leases/ledger.ts";
import { evaluationReported } from "../runs/evaluations.ts";
import { batchesRequested } from "../runs/grants.ts";
import { canRecord, progressReported } from "../runs/progress.ts";
import { takesPart, type RunState } from "../runs/run-state.ts";
import { failureReported } from "../runs/worker-replies.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { replyTo, type Reply, type Step } from "./step.ts";

export function handleWork(
  cluster: ClusterState,
  message: WorkMessage,
  now: number,
  settings: CoordinatorSettings,
): Step {
  const run = cluster.runs.get(message.run);
  if (run === undefined) return { cluster, replies: dismiss(message), notes: [], reconcile: false };
  const step = (
    next: RunState,
    replies: readonly Reply[],
    reconcile: boolean,
    notes: readonly string[] = [],
  ): Step => ({
    cluster: withRun(cluster, next),
    replies,
    notes,
    reconcile,
  });
  switch (message.type) {
    case "request_batches": {
      const { run: next, reply } = batchesRequested(run, message, settings);
      return step(next, [replyTo(message.replyTo, reply)], next.roster !== run.roster);
    }
    case "report_progress": {
      const next = progressReported(run, message, now, settings);
      const finished = next.ledger !== null && isComplete(next.ledger);
      return step(next, canRecord(run) ? recorded(message) : [], finished);
    }
    case "report_evaluation": {
      const { run: next, reply } = evaluationReported(run, message, now, settings);
      return step(next, reply === undefined ? [] : [replyTo(message.replyTo, reply)], next.phase !== run.phase);
    }
    case "report_failure": {
      const note = `member ${message.member} cannot go on with run ${run.run}: ${message.error.message}`;
      return step(failureReported(run, message, now), [], true, [note]);
    }
    case "request_placement": {
      const { placement } = run;
      const known = placement === null || takesPart(run, message) === undefined ? [] : [placed(message, placement)];
      return { cluster, replies: known, notes: [], reconcile: false };
    }
  }
}

function recorded(message: WorkMessage & { readonly type: "report_progress" }): readonly Reply[] {
  const { run, report } = message;
  return [replyTo(message.replyTo, { type: "progress_recorded", run, report })];
}

function placed({ run, replyTo: asker }: WorkMessage & { type: "request_placement" }, placement: Placement): Reply {
  return replyTo(asker, { type: "placement", run, placement });
}

/** The run is not remembered: whoever works on it can stop. */
function dismiss(message: WorkMessage): readonly Reply[] {
  const { run } = message;
  switch (message.type) {
    case "request_batches":
      return [replyTo(message.replyTo, { type: "batches_exhausted", run })];
    case "report_progress":
      return recorded(message);
    case "report_evaluation": {
      const reason = `run ${run} is not known here`;
      const { step } = message;
      return [replyTo(message.replyTo, { type: "evaluation_recorded", run, step, proceed: false, reason })];
    }
    case "report_failure":
    case "request_placement":
      return [];
  }
}
