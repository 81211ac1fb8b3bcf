/** Asks the coordinator whom a run waits for. */
import type { ActorSystem, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  acceptorOf,
  clusterStatusSchema,
  explainReplySchema,
  type ClusterStatus,
  type CoordinatorMessage,
  type ExplainReply,
  type WaitExplanation,
} from "@shoal/protocol";
import { hasEnded } from "./follow-run.ts";

const askDeadlineMs = 5_000;

/**
 * The wait-for chains of a run as they are now; takes as long as the slowest of its members to answer, at most 2.4 s.
 * @throws ShoalError run_not_found - the coordinator does not know the run; mailbox_full - too many ask at once
 */
export async function explainRun(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  run: string,
): Promise<WaitExplanation> {
  const reply = await system.ask<CoordinatorMessage, ExplainReply>(
    coordinator,
    (replyTo) => ({ type: "explain_run", run, replyTo }),
    { deadlineMs: askDeadlineMs, reason: `to hear whom run ${run} waits for`, accepts: acceptorOf(explainReplySchema) },
  );
  switch (reply.type) {
    case "run_explained":
      return reply.explanation;
    case "run_unknown":
      throw new ShoalError("run_not_found", `the coordinator knows no run ${run}`, { run });
    case "run_not_explained":
      throw ShoalError.deserialize(reply.error);
  }
}

export async function describeCluster(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
): Promise<ClusterStatus> {
  return system.ask<CoordinatorMessage, ClusterStatus>(
    coordinator,
    (replyTo) => ({ type: "describe_cluster", replyTo }),
    { deadlineMs: askDeadlineMs, reason: "to show the cluster", accepts: acceptorOf(clusterStatusSchema) },
  );
}

/**
 * The run that is meant when none is named: the first that has not ended, else the newest.
 * @throws ShoalError run_not_found - there is none
 */
export async function currentRun(system: ActorSystem, coordinator: Ref<CoordinatorMessage>): Promise<string> {
  const { runs } = await describeCluster(system, coordinator);
  const meant = runs.find((run) => !hasEnded(run)) ?? runs.at(-1);
  if (meant === undefined)
    throw new ShoalError("run_not_found", "there is no run yet; submit one with `shoal submit JOB`");
  return meant.run;
}
