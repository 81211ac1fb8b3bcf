/** Keeps the roster of a run in step with its workers. */
import { countsBySpeed } from "./move-slots.ts";
import { assignSlots } from "./slots.ts";
import { hasSlots, type Roster, type RunState, type RunWorker } from "./run-state.ts";

/** True for a worker that servers should count with. */
export function isEnrolled(worker: RunWorker): boolean {
  return worker.alive && worker.excluded === null && (worker.initial || worker.started) && !worker.idle;
}

/**
 * Brings the roster up to date; its revision grows only when something changed (R2). While nobody can be listed the old
 * one stands: an empty list would tell the shards that anybody may push.
 */
export function refreshRoster(run: RunState): RunState {
  const members = [...run.workers.values()]
    .filter(isEnrolled)
    .map((worker) => worker.member)
    .toSorted((a, b) => a - b);
  const first = members[0];
  if (first === undefined) return run;
  const { roster } = run;
  const slotOwners = hasSlots(run) ? ownersAmong(run, members) : [];
  const initializer = keepsInitializing(run) ? roster.initializer : first;
  const revision = roster.revision + 1;
  const next: Roster = { revision, servedRevision: revision, members, slotOwners, initializer };
  const workers = new Map(run.workers);
  let rejoined = false;
  for (const worker of run.workers.values()) {
    const enrolled = members.includes(worker.member);
    if (enrolled === (worker.enrolledRevision !== null)) continue;
    // A worker in a new life was never enrolled: the list reads the same, its incarnation does not.
    rejoined = true;
    workers.set(worker.member, { ...worker, enrolledRevision: enrolled ? next.revision : null });
  }
  if (!rejoined && sameRoster(roster, next)) return run;
  return { ...run, roster: next, workers };
}

/** Slots that were handed off stay so as long as the members do. */
function ownersAmong(run: RunState, members: readonly number[]): readonly number[] {
  const { members: former, slotOwners } = run.roster;
  const isSame = former.length === members.length && former.every((member, index) => member === members[index]);
  if (run.job.stragglers.handOff && isSame && slotOwners.length === run.slots) return slotOwners;
  return assignSlots(slotOwners, run.slots, members, countsBySpeed(run, members));
}

/** Whoever has been asked to initialise the shards stays responsible as long as it takes part, with or without work. */
function keepsInitializing(run: RunState): boolean {
  const worker = run.workers.get(run.roster.initializer ?? -1);
  return worker !== undefined && isEnrolled({ ...worker, idle: false });
}

function sameRoster(a: Roster, b: Roster): boolean {
  const same = (left: readonly number[], right: readonly number[]): boolean =>
    left.length === right.length && left.every((value, index) => value === right[index]);
  return a.initializer === b.initializer && same(a.members, b.members) && same(a.slotOwners, b.slotOwners);
}

/** Newest revision that every server which leads a shard of the run is known to have: copies have it from their primaries. */
export function revisionAtServers(run: RunState): number {
  const leaders = new Set([...run.seats.values()].map(({ primary }) => primary.member));
  return run.servers
    .filter(({ member }) => leaders.has(member))
    .reduce((lowest, server) => Math.min(lowest, server.confirmedRevision), Infinity);
}
