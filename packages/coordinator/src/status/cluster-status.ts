/** What people are told of the cluster. */
import type { ClusterStatus, MemberStatus, RunStatus } from "@shoal/protocol";
import type { ClusterState } from "../cluster-state.ts";
import type { Member } from "../membership/membership.ts";
import { isUnderWay } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { runStatus } from "./run-status.ts";

/**
 * Every member and every run that is remembered. A run that is not under way is listed without its workers and with its
 * last evaluation only (`describe_run` has all), so that the whole fits one message.
 */
export function clusterStatus(cluster: ClusterState, now: number, settings: CoordinatorSettings): ClusterStatus {
  const runs = [...cluster.runs.values()].map((run): RunStatus => {
    const status = runStatus(run, now, settings);
    const evaluations = status.evaluations.slice(-1);
    return isUnderWay(run) ? { ...status, evaluations } : { ...status, evaluations, workers: [] };
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
