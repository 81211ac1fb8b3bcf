/** Sends each message to the part that understands it. */
import type { CoordinatorMessage, ExplainRun, ReadRounds } from "@shoal/protocol";
import { withRun, type ClusterState } from "../cluster-state.ts";
import type { RunState } from "../runs/run-state.ts";
import { serverReplied } from "../runs/server-replies.ts";
import { workerReplied } from "../runs/worker-replies.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { handleClient } from "./client-messages.ts";
import { handleMembership } from "./membership-messages.ts";
import type { Step } from "./step.ts";
import { handleWork } from "./work-messages.ts";

/** Handles one message. Pure: what is to be said and noted is in the result. @param now ms since the Unix epoch */
export function dispatch(
  cluster: ClusterState,
  message: Exclude<CoordinatorMessage, ExplainRun | ReadRounds>,
  now: number,
  settings: CoordinatorSettings,
): Step {
  switch (message.type) {
    case "join_as_server":
    case "join_as_worker":
    case "heartbeat":
    case "leave":
    case "report_broken_line":
      return handleMembership(cluster, message, now, settings);
    case "submit_run":
    case "describe_run":
    case "describe_cluster":
    case "cancel_run":
    case "snapshot_run":
    case "resume_run":
      return handleClient(cluster, message, now, settings);
    case "request_batches":
    case "report_progress":
    case "report_evaluation":
    case "report_failure":
    case "request_placement":
      return handleWork(cluster, message, now, settings);
    case "shards_hosted":
    case "hosting_failed":
    case "members_updated":
    case "shards_seated":
    case "learner_caught_up":
    case "shards_described":
    case "shards_saved":
    case "saving_failed":
    case "run_released":
      return answered(cluster, message.run, (run) => serverReplied(run, message, now));
    case "run_started":
    case "start_refused":
    case "work_assigned":
    case "run_finished":
    case "finish_failed":
    case "slots_saved":
    case "slots_not_saved":
    case "run_stopped":
      return answered(cluster, message.run, (run) => workerReplied(run, message, now));
  }
}

function answered(cluster: ClusterState, name: string, change: (run: RunState) => RunState): Step {
  const run = cluster.runs.get(name);
  const next = run === undefined ? cluster : withRun(cluster, change(run));
  return { cluster: next, replies: [], notes: [], reconcile: next !== cluster };
}
