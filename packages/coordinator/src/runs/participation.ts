/** What the coming and going of members means to a run. */
import { release, type Holder } from "../leases/ledger.ts";
import { readyMembers, type Member, type MembershipState } from "../membership/membership.ts";
import { newRunServer } from "../seats/run-seats.ts";
import { relieve } from "./evaluation-log.ts";
import { refreshRoster } from "./roster.ts";
import { handsOver, hasGivenAll } from "./slot-moves/settle-slots.ts";
import { hasEnded, isUnderWay, takesPart, withServer, withWorker, type RunState, type RunWorker } from "./run-state.ts";
import { newWorker } from "./start-run.ts";

/**
 * A member can be given work. A worker joins a run under way; nobody restarts for it. A finishing run takes it only
 * when it has nobody left. An ended run meets again whoever has not confirmed yet that it dropped the run.
 */
export function memberReady(run: RunState, member: Member): RunState {
  if (hasEnded(run)) return meetAgain(run, member);
  if (!isUnderWay(run) || member.role !== "worker") return run;
  const known = run.workers.get(member.member);
  if (known?.incarnation === member.incarnation) return run;
  if (run.phase === "finishing" && liveWorkers(run).length > 0) {
    // It may still hold the run from its last life, and has to be told to drop it.
    const late = {
      ...newWorker(member, false),
      invitedRevision: 0,
      excluded: `run ${run.run} is finishing without it`,
    };
    return known === undefined ? run : withWorker(run, late);
  }
  return refreshRoster(withWorker(run, newWorker(member, false)));
}

/** A run that has lost its last worker takes those that were ready before: a finishing run had no use for them then. */
export function takeOn(run: RunState, membership: MembershipState): RunState {
  if (!isUnderWay(run) || liveWorkers(run).length > 0) return run;
  return readyMembers(membership, "worker").reduce(memberReady, run);
}

function meetAgain(run: RunState, member: Member): RunState {
  if (member.role === "worker") {
    const known = run.workers.get(member.member);
    if (known?.stopped === true || (known === undefined && !run.orphaned)) return run;
    return withWorker(run, { ...newWorker(member, false), invitedRevision: 0 });
  }
  const known = run.servers.find((server) => server.member === member.member);
  const { incarnation, name } = member;
  if (known !== undefined) return known.released ? run : withServer(run, { ...known, incarnation, alive: true });
  if (!run.orphaned) return run;
  const server = { ...newRunServer({ member: member.member, incarnation, name }), invitedRevision: 0 };
  return { ...run, servers: [...run.servers, server] };
}

/**
 * A member is gone in this life. What that means to the shards of a server is decided with their seats; a worker's work
 * goes to the others.
 */
export function memberLost(run: RunState, member: Member, reason: string): RunState {
  const server = run.servers.find((each) => sameLife(each, member));
  if (server !== undefined) {
    return withServer(run, { ...server, alive: false, lostBecause: reason });
  }
  const worker = run.workers.get(member.member);
  if (worker === undefined || !worker.alive || !sameLife(worker, member)) return run;
  return dropWork(withWorker(run, { ...worker, alive: false }), worker);
}

/**
 * A worker that wants to leave is told to stop, and its work goes to the others: a batch counts once, whoever ends it. Slots that
 * keep something it hands over first.
 */
export function memberLeaves(run: RunState, member: Member): RunState {
  const worker = takesPart(run, member);
  if (worker === undefined || !isUnderWay(run)) return run;
  // It measures and writes, or another does when it has gone.
  if (run.phase === "finishing") return run;
  if (handsOver(run) && worker.invitedRevision !== null)
    return refreshRoster(withWorker(run, { ...worker, leaving: true }));
  return letGo(run, worker);
}

/** Those that want to leave, and have nothing left that the run needs. */
export function releaseLeavers(run: RunState): RunState {
  if (!handsOver(run)) return run;
  return [...run.workers.values()]
    .filter((worker) => worker.leaving && takesPart(run, worker) !== undefined && hasGivenAll(run, worker.member))
    .reduce(letGo, run);
}

function letGo(run: RunState, worker: RunWorker): RunState {
  return dropWork(withWorker(run, { ...worker, excluded: `${worker.name} leaves` }), worker);
}

/** Takes everything that a worker holds back, so that others can have it. */
export function dropWork(run: RunState, holder: Holder): RunState {
  const ledger = run.ledger === null ? null : release(run.ledger, holder).ledger;
  const finisher = run.finisher !== null && sameLife(run.finisher, holder) ? null : run.finisher;
  const next = { ...run, ledger, finisher, evaluations: relieve(run.evaluations, holder, false) };
  return isUnderWay(run) ? refreshRoster(next) : next;
}

/** Alive and not excluded, whether started or not; by member number. */
export function liveWorkers(run: RunState): readonly Holder[] {
  return [...run.workers.values()]
    .filter((worker) => takesPart(run, worker) !== undefined)
    .toSorted((a, b) => a.member - b.member);
}

function sameLife(a: Holder, b: Holder): boolean {
  return a.member === b.member && a.incarnation === b.incarnation;
}
