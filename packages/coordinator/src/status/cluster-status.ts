/** What people are told of the cluster. */
import type { ClusterStatus, MemberStatus, RunStatus } from "@shoal/protocol";
import type { ClusterState } from "../cluster-state.ts";
import type { Member } from "../membership/membership.ts";
import { isUnderWay } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { runStatus } from "./run-status.ts";

/** Longest sentence of a run in the list, in characters. */
const sentenceLength = 250;

/**
 * Every member and every run that is remembered. Runs are listed in brief (`describe_run` has all), so that the whole
 * fits one message: the last evaluation only, no metrics, shortened sentences, workers only of the run under way.
 */
export function clusterStatus(cluster: ClusterState, now: number, settings: CoordinatorSettings): ClusterStatus {
  const runs = [...cluster.runs.values()].map((run): RunStatus => {
    const status = runStatus(run, now, settings);
    const { error } = status;
    return {
      ...status,
      reason: status.reason.slice(0, sentenceLength),
      dataSource: status.dataSource.slice(0, sentenceLength),
      workers: isUnderWay(run) ? status.workers : [],
      servers: isUnderWay(run) ? status.servers : [],
      evaluations: status.evaluations.slice(-1).map((evaluation) => ({ ...evaluation, metrics: {} })),
      result: status.result === null ? null : { ...status.result, metrics: {} },
      error: error === null ? null : { ...error, message: error.message.slice(0, sentenceLength), details: {} },
    };
  });
  const members = [...cluster.membership.members.values()].toSorted((a, b) => a.member - b.member);
  return {
    type: "cluster_described",
    cluster: cluster.name,
    members: members.map((member) => memberStatus(member, now)),
    runs,
  };
}

function memberStatus(member: Member, now: number): MemberStatus {
  const { incarnation, name, role, endpoint, alive } = member;
  const sinceHeartbeatMs = Math.max(0, now - member.heardAtMs);
  return { member: member.member, incarnation, name, role, endpoint, alive, sinceHeartbeatMs };
}
