/** Joins, heartbeats and farewells: membership decides, the runs hear of it. */
import type { JoinReply, MembershipMessage } from "@shoal/protocol";
import { withRun, type ClusterState } from "../cluster-state.ts";
import { stepMembership, type MembershipEffect, type MembershipEvent } from "../membership/membership.ts";
import { memberLost, memberReady } from "../runs/participation.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { replyTo, type EndedLease, type Reply, type Step } from "./step.ts";

export function handleMembership(
  cluster: ClusterState,
  message: MembershipMessage,
  now: number,
  settings: CoordinatorSettings,
): Step {
  const { state, effects } = stepMembership(cluster.membership, eventOf(message), now, settings);
  const replies = effects.flatMap((effect) => replyFor(effect, message, settings));
  return { ...applyEffects({ ...cluster, membership: state }, effects, now), replies };
}

/** Ends the leases of silent members. */
export function handleTick(cluster: ClusterState, now: number, settings: CoordinatorSettings): Step {
  const { state, effects } = stepMembership(cluster.membership, { type: "tick" }, now, settings);
  return { ...applyEffects({ ...cluster, membership: state }, effects, now), reconcile: true };
}

function eventOf(message: MembershipMessage): MembershipEvent {
  switch (message.type) {
    case "join_as_server": {
      const { node, endpoint, control } = message;
      return { type: "join", name: node, role: "server", endpoint, control: control.address };
    }
    case "join_as_worker":
      return { type: "join", name: message.node, role: "worker", endpoint: null, control: message.control.address };
    case "heartbeat":
    case "leave":
      return { type: message.type, member: message.member, incarnation: message.incarnation };
  }
}

function applyEffects(cluster: ClusterState, effects: readonly MembershipEffect[], now: number): Step {
  let next = cluster;
  const notes: string[] = [];
  const endedLeases: EndedLease[] = [];
  for (const effect of effects) {
    if (effect.kind !== "acknowledge") notes.push(effect.reason);
    if (effect.kind !== "lost" && effect.kind !== "ready") continue;
    if (effect.kind === "lost") endedLeases.push({ role: effect.member.role, end: effect.end });
    for (const run of next.runs.values()) {
      const { member, reason } = effect;
      next = withRun(next, effect.kind === "lost" ? memberLost(run, member, reason, now) : memberReady(run, member));
    }
  }
  const reconcile = effects.some((effect) => effect.kind === "lost" || effect.kind === "ready");
  return { cluster: next, replies: [], notes, reconcile, endedLeases };
}

function replyFor(
  effect: MembershipEffect,
  message: MembershipMessage,
  settings: CoordinatorSettings,
): readonly Reply[] {
  if (message.type === "leave") return [];
  if (message.type === "heartbeat") {
    const { member, incarnation } = message;
    if (effect.kind === "acknowledge") return [replyTo(message.replyTo, { type: "heartbeat_acknowledged", member })];
    return effect.kind === "ask_to_rejoin" ? [replyTo(message.replyTo, { type: "rejoin", member, incarnation })] : [];
  }
  if (effect.kind !== "welcome") return [];
  const { member, incarnation } = effect.member;
  const { leaseMs, heartbeatMs } = settings;
  return [replyTo<JoinReply>(message.replyTo, { type: "joined", member, incarnation, leaseMs, heartbeatMs })];
}
