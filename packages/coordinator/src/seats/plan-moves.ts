/** Decides which shard is on its way to another server: one of a run at a time, now and then. */
import { sizeOf } from "@shoal/protocol";
import { readyMembers, type MembershipState } from "../membership/membership.ts";
import type { RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { decideMove, weigh } from "./balance.ts";
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
  const going = endMoves(run, membership, now);
  if (going.moves.size > 0 || now - going.movedAtMs < balanceMs) return going;
  const seats = [...going.seats.values()];
  // What is being filled counts already: the picture is not the one that the next move would be decided from.
  if (seats.some((seat) => seat.learners.length > 0 || !isSettled(going, seat))) return going;
  const servers = readyMembers(membership, "server").map(({ member }) => member);
  const shards = seats.map((seat) => {
    const range = going.assignments.get(seat.shard);
    const traffic = going.shardTraffic.get(seat.shard)?.bytesPerSecond ?? 0;
    const holders = holdersOf(seat).map(({ member }) => member);
    return { shard: seat.shard, keys: range === undefined ? 0 : sizeOf(range), traffic, holders };
  });
  const move = decideMove(weigh(shards), servers);
  const next = { ...going, movedAtMs: now };
  return move === undefined ? next : { ...next, moves: new Map([[move.shard, { from: move.from, to: move.to }]]) };
}

/** How long a move may take before another one is decided, ms. */
const moveLimitMs = 60_000;

/** A move is over when the copy is gone from where it was, cannot come to where it should be, or has taken too long. */
function endMoves(run: RunState, membership: MembershipState, now: number): RunState {
  if (now - run.movedAtMs > moveLimitMs) return run.moves.size === 0 ? run : { ...run, moves: new Map() };
  const open = [...run.moves].filter(([shard, { from, to }]) => {
    const seat = run.seats.get(shard);
    const target = membership.members.get(to);
    return seat !== undefined && target?.alive === true && holdersOf(seat).some(({ member }) => member === from);
  });
  return open.length === run.moves.size ? run : { ...run, moves: new Map(open) };
}
