/** Keeps the roster of a run in step with its workers. */
import { countsBySpeed } from "./slots-by-speed.ts";
import { ownersToBe, settleSlots } from "./slot-moves/settle-slots.ts";
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
  const { roster } = run;
  const first = members[0];
  if (first === undefined) return noteGone(run);
  const { slotOwners, slotMoves } = settleSlots(run, hasSlots(run) ? ownersAmong(run, members) : []);
  const initializer = keepsInitializing(run) ? roster.initializer : first;
  const revision = roster.revision + 1;
  const isServed = sameRoster(roster, { ...roster, members, slotOwners, initializer });
  const servedRevision = isServed ? roster.servedRevision : revision;
  const next: Roster = { revision, servedRevision, members, slotOwners, initializer };
  const workers = new Map(run.workers);
  let rejoined = false;
  for (const worker of run.workers.values()) {
    const enrolled = members.includes(worker.member);
    if (enrolled === (worker.enrolledRevision !== null)) continue;
    // A worker in a new life was never enrolled: the list reads the same, its incarnation does not.
    rejoined = true;
    workers.set(worker.member, { ...worker, enrolledRevision: enrolled ? next.revision : null });
  }
  if (!rejoined && isServed && slotMoves === run.slotMoves) return run;
  return { ...run, roster: rejoined ? { ...next, servedRevision: revision } : next, slotMoves, workers };
}

/** Whoever comes next cannot know what the slots have lost. */
function noteGone(run: RunState): RunState {
  const nobody = run.roster.slotOwners.map(() => -1);
  const { slotMoves } = settleSlots(run, nobody);
  return slotMoves === run.slotMoves ? run : { ...run, slotMoves };
}

/** Slots that were handed off stay so as long as the members do. @returns -1 for all when everybody wants to go */
function ownersAmong(run: RunState, members: readonly number[]): readonly number[] {
  const staying = members.filter((member) => run.workers.get(member)?.leaving !== true);
  if (staying.length === 0) return Array.from({ length: run.slots }, () => -1);
  const { members: former } = run.roster;
  const owners = ownersToBe(run).map((owner, slot) =>
    staying.includes(owner) ? owner : (run.roster.slotOwners[slot] ?? -1),
  );
  const isSame = former.length === members.length && former.every((member, index) => member === members[index]);
  const isOwned = owners.length === run.slots && owners.every((owner) => staying.includes(owner));
  if (run.job.stragglers.handOff && isSame && isOwned) return owners;
  return assignSlots(owners, run.slots, staying, countsBySpeed(run, owners, staying));
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
