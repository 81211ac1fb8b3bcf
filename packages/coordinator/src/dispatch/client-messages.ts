/** What people's tools ask: submissions, status, cancellation. */
import { ShoalError } from "@shoal/errors";
import { layoutOf, parseModelSpec } from "@shoal/models";
import type { ClientMessage, SubmitRun } from "@shoal/protocol";
import { withRun, type ClusterState } from "../cluster-state.ts";
import { checkJob } from "../job/check-job.ts";
import { cancelRun } from "../runs/end-run.ts";
import { nameRun } from "../runs/run-name.ts";
import { createRun } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { clusterStatus } from "../status/cluster-status.ts";
import { runStatus } from "../status/run-status.ts";
import { handleResume, handleSnapshot } from "../snapshots/keeper-reports.ts";
import { checkRoom } from "./queue-room.ts";
import { replyTo, type Step } from "./step.ts";

export function handleClient(
  cluster: ClusterState,
  message: ClientMessage,
  now: number,
  settings: CoordinatorSettings,
): Step {
  switch (message.type) {
    case "submit_run":
      return submit(cluster, message, now, settings);
    case "snapshot_run":
      return handleSnapshot(cluster, message, now, settings);
    case "resume_run":
      return handleResume(cluster, message);
    case "describe_cluster": {
      const reply = replyTo(message.replyTo, clusterStatus(cluster, now, settings));
      return { cluster, replies: [reply], notes: [], reconcile: false, isAnswerOnly: true };
    }
    case "describe_run":
    case "cancel_run": {
      const found = cluster.runs.get(message.run);
      if (found === undefined) {
        const reply = replyTo(message.replyTo, { type: "run_unknown", run: message.run });
        return { cluster, replies: [reply], notes: [], reconcile: false };
      }
      const cancel = message.type === "cancel_run";
      const run = cancel ? cancelRun(found, now) : found;
      const reply = replyTo(message.replyTo, { type: "run_described", status: runStatus(run, now, settings) });
      return { cluster: withRun(cluster, run), replies: [reply], notes: [], reconcile: cancel, isAnswerOnly: !cancel };
    }
  }
}

/** The same submission is the same run, however often the request is repeated. */
function submit(cluster: ClusterState, message: SubmitRun, now: number, settings: CoordinatorSettings): Step {
  const accepted = (next: ClusterState, run: string, notes: readonly string[]): Step => ({
    cluster: next,
    replies: [replyTo(message.replyTo, { type: "run_accepted", run })],
    notes,
    reconcile: true,
  });
  const { submission } = message;
  const known = [...cluster.runs.values()].find((each) => each.submission === submission);
  if (known !== undefined) return accepted(cluster, known.run, []);
  try {
    const job = checkJob(message.job);
    checkRoom(cluster, settings);
    const parameterCount = layoutOf(parseModelSpec(job.model)).size;
    const run = createRun({ run: nameRun(job.name, now, cluster.nextRun), submission, job, parameterCount }, now);
    const next = withRun({ ...cluster, nextRun: cluster.nextRun + 1 }, run);
    return accepted(next, run.run, [`run ${run.run} was submitted: ${parameterCount} parameters`]);
  } catch (thrown) {
    const error = ShoalError.from(thrown);
    const reply = replyTo(message.replyTo, { type: "run_refused", error: error.toJSON() });
    return { cluster, replies: [reply], notes: [`a submission was refused: ${error.message}`], reconcile: false };
  }
}
