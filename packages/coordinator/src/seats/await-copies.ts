/**
 * A run that goes on from a snapshot has its copies before anybody trains, so that a death costs it no more than it would
 * have cost the attempt before. Primaries have read what they go on from before they confirm their seats; then others are filled.
 */
import { readyMembers, type MembershipState } from "../membership/membership.ts";
import type { RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { sameServer } from "./seat.ts";

/** Ends the waiting when all copies are there that can be, or after `serverTimeoutMs`. */
export function awaitCopies(
  run: RunState,
  membership: MembershipState,
  now: number,
  { serverTimeoutMs }: CoordinatorSettings,
): RunState {
  if (!run.awaitsCopies || run.phase !== "starting") return run;
  const able = readyMembers(membership, "server").filter(
    (each) => !each.leaving && run.servers.every((known) => !known.refuses || !sameServer(known, each)),
  );
  const wanted = Math.min(run.copies, able.length - 1);
  const areThere = [...run.seats.values()].every(({ replicas }) => replicas.length >= wanted);
  const isLate = now - (run.startedAtMs ?? now) >= serverTimeoutMs;
  return areThere || isLate ? { ...run, awaitsCopies: false } : run;
}

/** Names of servers that are being filled. */
export function fillingServers({ seats }: RunState): readonly string[] {
  return [...new Set([...seats.values()].flatMap(({ learners }) => learners.map(({ node }) => node)))];
}
