/**
 * Signs that a member is dead, long before its lease ends. Pure.
 *
 * A killed process takes its connections with it at once: those who speak to it see theirs break, and the bus knows that
 * nobody listens under its name any more. One sign alone proves nothing (a line may be cut, a process may be on its way back
 * to the bus), so one makes the coordinator look for the other:
 *   - a server of which a heartbeat is missing, or to which somebody's line broke, and that nobody hears for, is suspected;
 *   - a worker to which a line broke and that nobody hears for is lost: its next heartbeat makes it join again.
 * Slowness shows neither sign. What a wrong conclusion costs is a fail-over, or a step that somebody else computes again.
 */
import type { Member, MembershipEffect, MembershipState } from "./membership.ts";

export interface Signs {
  /** The bus said that nobody listens there. */
  readonly isDeaf: boolean;
  /** Somebody's line to it broke; null: not since its last heartbeat. */
  readonly brokenAtMs: number | null;
}

/** Of a member that has just been heard. */
export const noSigns: Signs = { isDeaf: false, brokenAtMs: null };

/** In multiples of the interval of heartbeats. */
const overdueAfter = 1.5;

export function lineBroke({ members }: MembershipState, name: string, now: number): readonly MembershipEffect[] {
  const member = [...members.values()].find((each) => each.name === name);
  if (member?.alive !== true) return [];
  return [{ kind: "look_for", member: { ...member, brokenAtMs: now }, reason: `a line to ${name} broke` }];
}

/** Those who may still be dead: servers whose heartbeat is late, and whoever has not been heard since a line to it broke. */
export function overdueMembers(
  { members }: MembershipState,
  now: number,
  { serverHeartbeatMs }: { readonly serverHeartbeatMs: number },
): readonly MembershipEffect[] {
  return [...members.values()].flatMap((member): MembershipEffect[] => {
    const silentMs = now - member.heardAtMs;
    const isLate = member.role === "server" && silentMs >= overdueAfter * serverHeartbeatMs;
    if (!member.alive || member.isDeaf || (!isLate && member.brokenAtMs === null)) return [];
    return [{ kind: "look_for", member, reason: `${member.name} is silent for ${Math.round(silentMs)} ms` }];
  });
}

/** @param member undefined where that life is over @param askedAtMs when it was looked for: what it said later refutes it */
export function foundDeaf(
  { calmUntilMs }: MembershipState,
  member: Member | undefined,
  askedAtMs: number,
  now: number,
): readonly MembershipEffect[] {
  if (member === undefined || member.isDeaf || member.heardAtMs > askedAtMs) return [];
  // When the bus itself was away, others come back to it one after the other; their lines to each other have held.
  if (now < calmUntilMs && member.brokenAtMs === null) return [];
  const silent = `silent for ${Math.round(now - member.heardAtMs)} ms, and nobody listens for it`;
  if (member.role === "server") {
    const reason = `${member.name} is suspected: ${silent}`;
    return [{ kind: "suspected", member: { ...member, isDeaf: true }, reason }];
  }
  if (member.brokenAtMs === null) return [];
  const gone: Member = { ...member, alive: false, ready: false };
  return [
    { kind: "lost", member: gone, end: "expired", reason: `${member.name} is gone: its lines broke, it is ${silent}` },
  ];
}
