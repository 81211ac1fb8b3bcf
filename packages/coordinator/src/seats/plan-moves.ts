/** Decides which shard is on its way to another server: one of a run at a time, now and then. */
import { sizeOf } from "@shoal/protocol";
import { readyMembers, type Member, type MembershipState } from "../membership/membership.ts";
import type { RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { decideLead, decideMove, weigh, type BalanceMove, type WeighedShard } from "./balance.ts";
import type { SeatMove } from "./decide-seat.ts";
import { mayTake } from "./may-take.ts";
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
  const move = decideMove(weighed, servers, (shard, to) => canCome(going, shard, to, membership, now));
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

/** How long a move may take beside the filling of its copy, which has the deadlines of `watch-learners.ts`, ms. */
const moveLimitMs = 60_000;
const noteEveryMs = moveLimitMs / 4;

/**
 * A move is over when the copy (or the lead) is gone from where it was, cannot come to where it should be, or has taken too
 * long. One that cannot come must not keep others waiting: the next is decided without that server.
 */
function endMoves(run: RunState, membership: MembershipState, now: number): RunState {
  const open = [...run.moves].flatMap(([shard, move]): [number, SeatMove][] => {
    const followed = noteFilling(run, shard, move, now);
    return isOpen(run, shard, followed, membership, now) ? [[shard, followed]] : [];
  });
  const isSame = open.length === run.moves.size && open.every(([shard, move]) => run.moves.get(shard) === move);
  return isSame ? run : { ...run, moves: new Map(open) };
}

/** A copy that comes on takes its time; what is left to do then must not. */
function noteFilling(run: RunState, shard: number, move: SeatMove, now: number): SeatMove {
  const isFilled = run.seats.get(shard)?.learners.some(({ member }) => member === move.to) === true;
  return isFilled && now - (move.filledAtMs ?? run.movedAtMs) >= noteEveryMs ? { ...move, filledAtMs: now } : move;
}

function isOpen(run: RunState, shard: number, move: SeatMove, membership: MembershipState, now: number): boolean {
  const { from, to, isLead, filledAtMs } = move;
  const seat = run.seats.get(shard);
  if (seat === undefined || now - (filledAtMs ?? run.movedAtMs) > moveLimitMs) return false;
  if (isLead === true) {
    const isBehind = seat.replicas.some(({ member }) => member === to);
    return isBehind && seat.primary.member === from && readyServer(membership, to) !== undefined;
  }
  const holders = holdersOf(seat);
  const hasCome = holders.some(({ member }) => member === to);
  return holders.some(({ member }) => member === from) && (hasCome || canCome(run, shard, to, membership, now));
}

function canCome(run: RunState, shard: number, to: number, membership: MembershipState, now: number): boolean {
  const [seat, server] = [run.seats.get(shard), readyServer(membership, to)];
  return seat !== undefined && server !== undefined && mayTake(run, seat, server, membership, now);
}

function readyServer({ members }: MembershipState, number: number): Member | undefined {
  const member = members.get(number);
  return member?.alive === true && member.ready && !member.leaving ? member : undefined;
}
