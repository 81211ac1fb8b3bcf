/**
 * Membership as a pure state machine: who is in the cluster, and until when.
 *
 * Boundary  Knows nothing of runs; the coordinator acts on the effects.
 * Bounds    `maximumMembers` remembered nodes; beyond it the one that is dead for longest is forgotten, and a join is
 *           refused while all are alive.
 * Invariants
 *   M1  a node name keeps its member number as long as it is remembered; numbers are never given twice.
 *   M2  the incarnation grows with every join, so a restarted process never looks like its predecessor.
 *   M3  a member is ready once it has sent a heartbeat under its newest incarnation: only then has it heard its number.
 *       A node whose welcome was lost joins again; work that it got in between would be that of an earlier life.
 *   M4  a lease counts only time in which the coordinator listened: when it stood still itself (a paused process, a
 *       blocked thread), heartbeats may lie unheard in its mailbox, and nobody is given up for that.
 *   M5  a death is found out before the lease ends where two signs agree (`signs.ts`); a heartbeat refutes all of them.
 */

import type { HolderState } from "../seats/seat.ts";
import { noteLine, withoutLines, type DeadLines } from "./dead-lines.ts";
import { foundDeaf, lineBroke, noSigns, overdueMembers, type Signs } from "./signs.ts";

export type MemberRole = "worker" | "server";

export interface Member extends Signs {
  readonly member: number;
  readonly incarnation: number;
  readonly name: string;
  readonly role: MemberRole;
  /** Where a server's shards answer; null for workers. */
  readonly endpoint: string | null;
  /** Address of the node's control actor. */
  readonly control: string;
  readonly alive: boolean;
  /** See M3. */
  readonly ready: boolean;
  /** ms since the Unix epoch. */
  readonly heardAtMs: number;
  /** It wants to go. */
  readonly leaving: boolean;
}

export interface MembershipState {
  readonly members: ReadonlyMap<number, Member>;
  readonly nextMember: number;
  /** Joins so far: numbers and incarnations change with nothing else. */
  readonly joins: number;
  /** Time of the last tick, ms since the Unix epoch; null before the first. */
  readonly tickedAtMs: number | null;
  /** The coordinator has stood still, or was cut off, and until then others may still be on their way back. */
  readonly calmUntilMs: number;
  readonly deadLines: DeadLines;
}

export interface MembershipSettings {
  readonly leaseMs: number;
  readonly serverHeartbeatMs: number;
  /** Interval at which ticks should come. */
  readonly tickMs: number;
  readonly maximumMembers: number;
}

export type MembershipEvent =
  | {
      readonly type: "join";
      readonly name: string;
      readonly role: MemberRole;
      readonly endpoint: string | null;
      readonly control: string;
    }
  | {
      readonly type: "heartbeat";
      readonly member: number;
      readonly incarnation: number;
      readonly leaving?: boolean | undefined;
    }
  | { readonly type: "leave"; readonly member: number; readonly incarnation: number }
  /** The connection of this member to that node has broken. */
  | {
      readonly type: "line_broke";
      readonly member: number;
      readonly incarnation: number;
      readonly name: string;
      /** For how long nothing has come through, ms. */
      readonly forMs: number;
    }
  /** The bus said that nobody listens there. */
  | { readonly type: "deaf"; readonly member: number; readonly incarnation: number; readonly askedAtMs: number }
  | { readonly type: "tick" };

export type MembershipEffect =
  /** Answer the join; an earlier life of the member, if it was alive, has been reported lost before. */
  | { readonly kind: "welcome"; readonly member: Member; readonly reason: string }
  | { readonly kind: "refuse"; readonly reason: string }
  | { readonly kind: "acknowledge"; readonly member: number }
  | { readonly kind: "ask_to_rejoin"; readonly member: number; readonly reason: string }
  /** Ask it for a heartbeat: what the bus says to that tells whether anybody is there. */
  | { readonly kind: "look_for"; readonly member: Member; readonly reason: string }
  /** A server is not there: it is suspected from now on. */
  | { readonly kind: "suspected"; readonly member: Member; readonly reason: string }
  /** The member can be given work from now on. */
  | { readonly kind: "ready"; readonly member: Member; readonly reason: string }
  /** The member wants to go: what it holds is to be given to others. */
  | { readonly kind: "leaving"; readonly member: Member; readonly reason: string }
  /** The member is gone in this incarnation; what it held goes to others. */
  | { readonly kind: "lost"; readonly member: Member; readonly end: LeaseEnd; readonly reason: string };

/** How a lease ends: the member was silent for too long, said goodbye, or began a new life. */
export type LeaseEnd = "expired" | "left" | "rejoined";

export interface MembershipStep {
  readonly state: MembershipState;
  readonly effects: readonly MembershipEffect[];
}

export const emptyMembership: MembershipState = {
  ...{ members: new Map(), nextMember: 1, joins: 0 },
  ...{ tickedAtMs: null, calmUntilMs: Number.NEGATIVE_INFINITY, deadLines: new Map() },
};

/** @param now ms since the Unix epoch */
export function stepMembership(
  state: MembershipState,
  event: MembershipEvent,
  now: number,
  settings: MembershipSettings,
): MembershipStep {
  switch (event.type) {
    case "join":
      return join(state, event, now, settings);
    case "heartbeat":
      return heartbeat(state, event, now);
    case "leave":
      return leave(state, event);
    case "line_broke":
      return living(state, event) === undefined ? { state, effects: [] } : hearOfLine(state, event, now);
    case "deaf":
      return changed(state, foundDeaf(state, living(state, event), event.askedAtMs, now));
    case "tick":
      return expire(state, now, settings);
  }
}

function join(
  state: MembershipState,
  event: MembershipEvent & { readonly type: "join" },
  now: number,
  settings: MembershipSettings,
): MembershipStep {
  const known = [...state.members.values()].find((member) => member.name === event.name);
  const room = known === undefined ? makeRoom(state, settings.maximumMembers) : state;
  if (room === undefined) {
    const reason = `${event.name} may not join: all ${settings.maximumMembers} places are taken by live members`;
    return { state, effects: [{ kind: "refuse", reason }] };
  }
  const { name, role, endpoint, control } = event;
  const number = known?.member ?? room.nextMember;
  const incarnation = (known?.incarnation ?? 0) + 1;
  const member: Member = {
    member: number,
    incarnation,
    name,
    role,
    endpoint,
    control,
    alive: true,
    ready: false,
    heardAtMs: now,
    leaving: false,
    ...noSigns,
  };
  const effects: MembershipEffect[] = [];
  if (known?.alive === true) {
    const reason = `${name} joined again as incarnation ${incarnation}`;
    effects.push({ kind: "lost", member: { ...known, alive: false }, end: "rejoined", reason });
  }
  effects.push({ kind: "welcome", member, reason: `${role} ${name} joined as member ${number}, ${incarnation}. time` });
  const next: MembershipState = {
    ...put(room, member),
    nextMember: Math.max(room.nextMember, number + 1),
    joins: room.joins + 1,
    deadLines: withoutLines(room.deadLines, number),
  };
  return { state: next, effects };
}

function makeRoom(state: MembershipState, maximumMembers: number): MembershipState | undefined {
  if (state.members.size < maximumMembers) return state;
  const dead = [...state.members.values()].filter((member) => !member.alive);
  const oldest = dead.toSorted((a, b) => a.heardAtMs - b.heardAtMs || a.member - b.member)[0];
  if (oldest === undefined) return undefined;
  const members = new Map(state.members);
  members.delete(oldest.member);
  return { ...state, members };
}

function heartbeat(
  state: MembershipState,
  event: MembershipEvent & { readonly type: "heartbeat" },
  now: number,
): MembershipStep {
  const member = living(state, event);
  if (member === undefined) {
    const newest = state.members.get(event.member)?.incarnation ?? "none";
    const reason = `member ${event.member}.${event.incarnation} holds no lease (newest incarnation: ${newest})`;
    return { state, effects: [{ kind: "ask_to_rejoin", member: event.member, reason }] };
  }
  const leaving = member.leaving || event.leaving === true;
  const heard: Member = { ...member, ...noSigns, ready: true, heardAtMs: now, leaving };
  const effects: MembershipEffect[] = [{ kind: "acknowledge", member: member.member }];
  if (leaving && !member.leaving) {
    effects.push({ kind: "leaving", member: heard, reason: `${member.name} wants to leave` });
  }
  if (!member.ready) effects.push({ kind: "ready", member: heard, reason: `${member.name} sent its first heartbeat` });
  return { state: put(state, heard), effects };
}

function leave(state: MembershipState, event: Life): MembershipStep {
  const member = living(state, event);
  if (member === undefined) return { state, effects: [] };
  const gone: Member = { ...member, alive: false, ready: false };
  return {
    state: put(state, gone),
    effects: [{ kind: "lost", member: gone, end: "left", reason: `${member.name} left` }],
  };
}

function expire(state: MembershipState, now: number, settings: MembershipSettings): MembershipStep {
  let next = forgivePause({ ...state, tickedAtMs: now }, pauseBefore(state, now, settings), now);
  const effects: MembershipEffect[] = [];
  for (const member of next.members.values()) {
    const silentMs = now - member.heardAtMs;
    if (!member.alive || silentMs < settings.leaseMs) continue;
    const gone: Member = { ...member, alive: false, ready: false };
    next = put(next, gone);
    const reason = `${member.name} sent no heartbeat for ${Math.round(silentMs)} ms (lease ${settings.leaseMs} ms)`;
    effects.push({ kind: "lost", member: gone, end: "expired", reason });
  }
  return { state: next, effects: [...effects, ...overdueMembers(next, now, settings)] };
}

function hearOfLine(
  state: MembershipState,
  { member, name, forMs }: MembershipEvent & { readonly type: "line_broke" },
  now: number,
): MembershipStep {
  const step = changed(state, lineBroke(state, name, now));
  const to = [...state.members.values()].find((each) => each.name === name);
  if (to === undefined) return step;
  const deadLines = noteLine(state.deadLines, { from: member, to: to.member, forMs }, now);
  if (deadLines === state.deadLines) return step;
  return { state: { ...step.state, deadLines }, effects: step.effects };
}

/** Puts what effects say of members in place of what was known. */
function changed(state: MembershipState, effects: readonly MembershipEffect[]): MembershipStep {
  let next = state;
  for (const effect of effects) {
    if ("member" in effect && typeof effect.member === "object") next = put(next, effect.member);
  }
  return { state: next, effects };
}

/** How long the coordinator stood still before this tick: what the tick is late, beyond a whole interval. */
function pauseBefore(state: MembershipState, now: number, { tickMs }: MembershipSettings): number {
  const lateMs = now - (state.tickedAtMs ?? now) - tickMs;
  return lateMs > tickMs ? lateMs : 0;
}

/** M4: every lease is longer by the pause. */
function forgivePause(state: MembershipState, pauseMs: number, now: number): MembershipState {
  if (pauseMs === 0) return state;
  const members = [...state.members.values()].map((member): [number, Member] => [
    member.member,
    member.alive ? { ...member, heardAtMs: Math.min(now, member.heardAtMs + pauseMs) } : member,
  ]);
  const calmUntilMs = pauseMs < longPauseMs ? state.calmUntilMs : now + calmMs;
  return { ...state, members: new Map(members), calmUntilMs };
}

/** A pause in which the bus itself may have been away. */
const longPauseMs = 500;
/** Then members come back to it within this time. */
const calmMs = 1_000;

interface Life {
  readonly member: number;
  readonly incarnation: number;
}

function living(state: MembershipState, life: Life): Member | undefined {
  const member = state.members.get(life.member);
  return member?.alive === true && member.incarnation === life.incarnation ? member : undefined;
}

function put(state: MembershipState, member: Member): MembershipState {
  return { ...state, members: new Map(state.members).set(member.member, member) };
}

/** How well a server of this life does its part. */
export function holderState(
  state: MembershipState,
  life: Life,
  now: number,
  { suspectMs }: { readonly suspectMs: number },
): HolderState {
  const member = living(state, life);
  if (member === undefined) return "lost";
  if (member.isDeaf || (now - member.heardAtMs >= suspectMs && now >= state.calmUntilMs)) return "suspected";
  return member.leaving ? "leaving" : "alive";
}

/** The live members of a role that can be given work (M3) and want to stay, by member number. */
export function readyMembers(state: MembershipState, role: MemberRole): readonly Member[] {
  return [...state.members.values()]
    .filter((member) => member.alive && member.ready && !member.leaving && member.role === role)
    .toSorted((a, b) => a.member - b.member);
}
