/** Joins, heartbeats and farewells: membership decides, the runs hear of it. */
import type { JoinReply, MembershipMessage } from "@shoal/protocol";
import { withRun, type ClusterState } from "../cluster-state.ts";
import type { MemberDeaf } from "../membership/look-for.ts";
import { stepMembership, type Member, type MembershipEffect, type MembershipEvent } from "../membership/membership.ts";
import { isReleased } from "../membership/release.ts";
import { memberLeaves, memberLost, memberReady } from "../runs/participation.ts";
import type { RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { replyTo, type EndedLease, type Reply, type Step } from "./step.ts";

export function handleMembership(
  cluster: ClusterState,
  message: MembershipMessage,
  now: number,
  settings: CoordinatorSettings,
): Step {
  const { state, effects } = stepMembership(cluster.membership, eventOf(message), now, settings);
  const applied = applyEffects({ ...cluster, membership: state }, effects);
  const hasLines = state.deadLines !== cluster.membership.deadLines;
  const step = { ...applied, reconcile: applied.reconcile || hasLines };
  const replies = effects.flatMap((effect) => replyFor(step.cluster, effect, message, settings));
  return { ...step, replies };
}

/** The bus says that nobody is there under a member's name. */
export function handleDeaf(
  cluster: ClusterState,
  { member, incarnation, askedAtMs }: MemberDeaf,
  now: number,
  settings: CoordinatorSettings,
): Step {
  const event = { type: "deaf", member, incarnation, askedAtMs } as const;
  const { state, effects } = stepMembership(cluster.membership, event, now, settings);
  return applyEffects({ ...cluster, membership: state }, effects);
}

/** Ends the leases of silent members. */
export function handleTick(cluster: ClusterState, now: number, settings: CoordinatorSettings): Step {
  const { state, effects } = stepMembership(cluster.membership, { type: "tick" }, now, settings);
  return { ...applyEffects({ ...cluster, membership: state }, effects), reconcile: true };
}

function eventOf(message: MembershipMessage): MembershipEvent {
  switch (message.type) {
    case "join_as_server": {
      const { node, endpoint, control } = message;
      return { type: "join", name: node, role: "server", endpoint, control: control.address };
    }
    case "join_as_worker":
      return { type: "join", name: message.node, role: "worker", endpoint: null, control: message.control.address };
    case "heartbeat": {
      const { member, incarnation, leaving } = message;
      return { type: "heartbeat", member, incarnation, leaving };
    }
    case "leave":
      return { type: message.type, member: message.member, incarnation: message.incarnation };
    case "report_broken_line": {
      const { member, incarnation, node, forMs } = message;
      return { type: "line_broke", member, incarnation, name: node, forMs };
    }
  }
}

function applyEffects(cluster: ClusterState, effects: readonly MembershipEffect[]): Step {
  let next = cluster;
  const notes: string[] = [];
  const endedLeases: EndedLease[] = [];
  const lookFor: Member[] = [];
  for (const effect of effects) {
    if (effect.kind === "look_for") lookFor.push(effect.member);
    else if (effect.kind !== "acknowledge") notes.push(effect.reason);
    if (effect.kind === "leaving") next = eachRun(next, (run) => memberLeaves(run, effect.member));
    if (effect.kind !== "lost" && effect.kind !== "ready") continue;
    if (effect.kind === "lost") endedLeases.push({ role: effect.member.role, end: effect.end });
    const { kind, member, reason } = effect;
    next = eachRun(next, (run) => (kind === "lost" ? memberLost(run, member, reason) : memberReady(run, member)));
  }
  const reconcile = effects.some(({ kind }) => moving.has(kind));
  return { cluster: next, replies: [], notes, reconcile, endedLeases, lookFor };
}

/** What runs have to react to. */
const moving: ReadonlySet<MembershipEffect["kind"]> = new Set(["lost", "ready", "leaving", "suspected"]);

function eachRun(cluster: ClusterState, change: (run: RunState) => RunState): ClusterState {
  let next = cluster;
  for (const run of cluster.runs.values()) next = withRun(next, change(run));
  return next;
}

function replyFor(
  cluster: ClusterState,
  effect: MembershipEffect,
  message: MembershipMessage,
  settings: CoordinatorSettings,
): readonly Reply[] {
  if (message.type === "leave" || message.type === "report_broken_line") return [];
  if (message.type === "heartbeat") {
    const { member, incarnation } = message;
    if (effect.kind === "acknowledge") {
      const released = isReleased(cluster, message) ? { released: true } : {};
      return [replyTo(message.replyTo, { type: "heartbeat_acknowledged", member, ...released })];
    }
    return effect.kind === "ask_to_rejoin" ? [replyTo(message.replyTo, { type: "rejoin", member, incarnation })] : [];
  }
  if (effect.kind !== "welcome") return [];
  const { member, incarnation, role } = effect.member;
  const { leaseMs } = settings;
  const heartbeatMs = role === "server" ? settings.serverHeartbeatMs : settings.heartbeatMs;
  return [replyTo<JoinReply>(message.replyTo, { type: "joined", member, incarnation, leaseMs, heartbeatMs })];
}
