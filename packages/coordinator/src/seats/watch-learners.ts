/**
 * Copies that are being filled, and how they come on: pure. A server that lives, and never has all of a shard (a slow disk, a slow
 * line, a fault), must not hold up other copies and moves for ever: its copy is given up, by name, and it takes no other
 * one for a while.
 *
 * What counts is what the learner says of its copy once a second: bytes of a state that comes, then entries. Time is counted
 * while the primary knows its seat and the learner hosts its copy: both have deadlines of their own before that.
 *
 * Bounds  A fill for each shard, and a server for each member of the run. Both are this coordinator's: the next one begins to count.
 */
import { sizeOf, type SeatHolder, type ShardSeat, type ShardSummary } from "@shoal/protocol";
import type { RunServer, RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { isSettled } from "./run-seats.ts";
import { sameServer, type ServerLife } from "./seat.ts";

/** A copy on its way. */
export interface Fill extends ServerLife {
  readonly sinceMs: number;
  /** When something of it came last. */
  readonly progressAtMs: number;
  /** When this was looked at last. */
  readonly seenAtMs: number;
  /** What had come by then. */
  readonly reached: Reached;
}

interface Reached {
  /** Newest entry. */
  readonly index: number;
  /** Bytes of a state that is coming. */
  readonly bytes: number;
}

/** A server that did not catch up. */
export interface SlowServer {
  readonly incarnation: number;
  /** It takes no copy before, ms. */
  readonly restsUntilMs: number;
  /** In a row. */
  readonly times: number;
  readonly said: string;
}

/** How often it is looked at, ms: half of how often shards are asked. */
const lookEveryMs = 500;
/** A coordinator that looks so late has stood still itself: nobody else's time is counted, ms. */
const stoodStillMs = 3_000;
/** Longest time that a server rests, in deadlines of a copy. */
const longestRest = 20;
/** The slowest line that a copy is to get through: 40 Mbit/s, a millisecond. And how often it may be begun again. */
const slowestLine = 5_000;
const mostFills = 8;
/** Values, the values before and two slots of the optimiser. */
const bytesAKey = 16;

export function watchLearners(before: RunState, now: number): RunState {
  if (before.phase !== "training") return before.fills.size === 0 ? before : { ...before, fills: new Map() };
  const run = withoutCaughtUp(before);
  const fills = new Map<number, Fill>();
  for (const seat of run.seats.values()) {
    const fill = fillOf(run, seat, now);
    if (fill !== undefined) fills.set(seat.shard, fill);
  }
  const isSame = fills.size === run.fills.size && [...fills].every(([shard, fill]) => run.fills.get(shard) === fill);
  return isSame ? run : { ...run, fills };
}

/** Who has caught up with something is slow no more. */
function withoutCaughtUp(run: RunState): RunState {
  if (run.slowServers.size === 0) return run;
  const slowServers = new Map(run.slowServers);
  for (const [shard, fill] of run.fills) {
    const seat = run.seats.get(shard);
    const holds = seat !== undefined && [seat.primary, ...seat.replicas].some((each) => sameServer(each, fill));
    if (holds) slowServers.delete(fill.member);
  }
  return slowServers.size === run.slowServers.size ? run : { ...run, slowServers };
}

function fillOf(run: RunState, seat: ShardSeat, now: number): Fill | undefined {
  const [learner] = seat.learners;
  if (learner === undefined) return undefined;
  const { member, incarnation } = learner;
  const known = run.fills.get(seat.shard);
  const fresh = {
    member,
    incarnation,
    sinceMs: now,
    progressAtMs: now,
    seenAtMs: now,
    reached: { index: 0, bytes: 0 },
  };
  if (known === undefined || !sameServer(known, learner)) return fresh;
  if (now - known.seenAtMs < lookEveryMs) return known;
  const hosts = serverOf(run, learner)?.known.has(seat.shard) === true;
  if (!isSettled(run, seat) || !hosts) return { ...known, progressAtMs: now, seenAtMs: now };
  const pause = now - known.seenAtMs;
  if (pause < stoodStillMs) return { ...known, seenAtMs: now };
  return { ...known, sinceMs: known.sinceMs + pause, progressAtMs: known.progressAtMs + pause, seenAtMs: now };
}

function serverOf({ servers }: RunState, life: ServerLife): RunServer | undefined {
  return servers.find((each) => sameServer(each, life));
}

/** What a learner says of its copies. */
export function notePartialCopies(
  run: RunState,
  server: ServerLife,
  told: readonly ShardSummary[],
  now: number,
): RunState {
  if (run.fills.size === 0) return run;
  const fills = new Map(run.fills);
  for (const { shard, seat } of told) {
    const fill = fills.get(shard);
    if (seat?.role !== "learner" || fill === undefined || !sameServer(fill, server)) continue;
    const reached = { index: seat.index, bytes: seat.received ?? 0 };
    if (isFurther(fill.reached, reached)) fills.set(shard, { ...fill, reached, progressAtMs: now });
  }
  return { ...run, fills };
}

/** A state that begins again is none, as long as it does not come further. What was there before it may go with it. */
function isFurther(before: Reached, { index, bytes }: Reached): boolean {
  return index === before.index ? bytes > before.bytes : true;
}

/** Some copy takes long enough for everybody who holds one to be asked how it comes on. */
export function isFillLasting({ fills }: RunState, now: number, { fillStallMs }: CoordinatorSettings): boolean {
  return [...fills.values()].some(({ sinceMs }) => now - sinceMs > fillStallMs / 8);
}

/** Why a learner is given up; undefined: it comes on, or has all. */
export function stalledText(
  run: RunState,
  seat: ShardSeat,
  learner: SeatHolder,
  now: number,
  settings: CoordinatorSettings,
): string | undefined {
  const fill = run.fills.get(seat.shard);
  if (fill === undefined || !sameServer(fill, learner)) return undefined;
  const reported = run.caughtUp.get(seat.shard);
  if (reported?.term === seat.term && reported.members.has(learner.member)) return undefined;
  const [forMs, stillMs] = [now - fill.sinceMs, now - fill.progressAtMs];
  const limitMs = limitOf(run, seat, settings);
  if (stillMs < settings.fillStallMs && forMs < limitMs) return undefined;
  const why =
    stillMs >= settings.fillStallMs
      ? `nothing more has come from ${seat.primary.node} for ${seconds(stillMs)}`
      : `it falls behind again and again`;
  return `${learner.node} has not caught up with shard ${seat.shard} in ${seconds(forMs)}: ${why} (${reachedText(fill)})`;
}

/** A copy that comes on has so long, however slowly. */
function limitOf({ assignments }: RunState, { shard }: ShardSeat, { fillLimitMs }: CoordinatorSettings): number {
  const range = assignments.get(shard);
  const bytes = range === undefined ? 0 : bytesAKey * sizeOf(range);
  return fillLimitMs + (mostFills * bytes) / slowestLine;
}

/** What has come of a copy. */
export function reachedText({ reached: { index, bytes } }: Fill): string {
  const state = bytes === 0 ? "" : `, and ${(bytes / 2 ** 20).toFixed(1)} MiB of a state`;
  return `it has ${index === 0 ? "no entry" : `entry ${index}`}${state}`;
}

/** A learner was given up: it rests, longer each time in a row. */
export function withSlowServer(
  run: RunState,
  { member, incarnation }: ServerLife,
  said: string,
  now: number,
  { fillStallMs }: CoordinatorSettings,
): RunState {
  const known = run.slowServers.get(member);
  const times = known?.incarnation === incarnation ? known.times + 1 : 1;
  const restsUntilMs = now + fillStallMs * Math.min(longestRest, 2 ** times);
  return { ...run, slowServers: new Map(run.slowServers).set(member, { incarnation, restsUntilMs, times, said }) };
}

/** It was given up a short while ago. */
export function isSetAside(
  { slowServers }: Pick<RunState, "slowServers">,
  { member, incarnation }: ServerLife,
  now: number,
): boolean {
  const known = slowServers.get(member);
  return known?.incarnation === incarnation && now < known.restsUntilMs;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
