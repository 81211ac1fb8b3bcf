/** Decides which shard is on its way to another server: one of a run at a time, now and then. */
import { sizeOf } from "@shoal/protocol";
import { readyMembers, type MembershipState } from "../membership/membership.ts";
import type { RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { decideLead, decideMove, weigh, type BalanceMove, type WeighedShard } from "./balance.ts";
import { followSplit, planSplit } from "./plan-split.ts";
import { isSettled } from "./run-seats.ts";
import { holdersOf } from "./seat.ts";

export function planMoves(
  run: RunState,
  membership: MembershipState,
  now: number,
  settings: CoordinatorSettings,
): RunState {
  const { balanceMs } = settings;
  if (balanceMs === 0 || !run.isSeated || run.phase !== "training") return run;
  const going = followSplit(endMoves(run, membership, now), now, settings);
  if (going.split.ranges !== null) return going;
  if (going.moves.size > 0 || now - going.movedAtMs < balanceMs) return going;
  const seats = [...going.seats.values()];
  // What is being filled counts already: the picture is not the one that the next move would be decided from.
  if (seats.some((seat) => seat.learners.length > 0 || !isSettled(going, seat))) return going;
  const servers = readyMembers(membership, "server").map(({ member }) => member);
  const weighed = weighSeats(going);
  const move = decideMove(weighed, servers);
  const lead = move === undefined ? decideLead(weighed, servers) : undefined;
  const next = { ...going, movedAtMs: now };
  if (move !== undefined) return withMove(next, move, false);
  return lead === undefined ? planSplit(next, weighed, servers.length, now, settings) : withMove(next, lead, true);
}

/** What each shard of a run weighs, and who holds it, the primary first. */
export function weighSeats({ seats, assignments, shardTraffic }: RunState): readonly WeighedShard[] {
  return weigh(
    [...seats.values()].map((seat) => {
      const range = assignments.get(seat.shard);
      const traffic = shardTraffic.get(seat.shard)?.bytesPerSecond ?? 0;
      const holders = holdersOf(seat).map(({ member }) => member);
      return { shard: seat.shard, keys: range === undefined ? 0 : sizeOf(range), traffic, holders };
    }),
  );
}

function withMove(run: RunState, { shard, from, to }: BalanceMove, isLead: boolean): RunState {
  return { ...run, moves: new Map([[shard, { from, to, isLead }]]) };
}

/** How long a move may take before another one is decided, ms. */
const moveLimitMs = 60_000;

/**
 * A move is over when the copy (or the lead) is gone from where it was, cannot come to where it should be, or has taken too
 * long.
 */
function endMoves(run: RunState, membership: MembershipState, now: number): RunState {
  if (now - run.movedAtMs > moveLimitMs) return run.moves.size === 0 ? run : { ...run, moves: new Map() };
  const open = [...run.moves].filter(([shard, { from, to, isLead }]) => {
    const seat = run.seats.get(shard);
    if (seat === undefined || membership.members.get(to)?.alive !== true) return false;
    if (isLead === true) return seat.primary.member === from && seat.replicas.some(({ member }) => member === to);
    return holdersOf(seat).some(({ member }) => member === from);
  });
  return open.length === run.moves.size ? run : { ...run, moves: new Map(open) };
}
