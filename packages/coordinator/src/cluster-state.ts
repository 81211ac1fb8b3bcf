/** All that the coordinator knows, as one immutable value, and what follows from it when nothing new is said. */
import { counted } from "@shoal/errors";
import { decideDeliveries } from "./commands/delivery.ts";
import { isAskDue } from "./guard/watch-run.ts";
import { vitalQuestions, type DesiredCommand } from "./commands/desired-commands.ts";
import { keepFigures } from "./journal/kept-figures.ts";
import { emptyMembership, type MembershipState } from "./membership/membership.ts";
import { advanceRun } from "./runs/advance-run.ts";
import { failRun } from "./runs/end-run.ts";
import { takeOn } from "./runs/participation.ts";
import { decideQueue } from "./runs/queue.ts";
import { awaitCopies } from "./seats/await-copies.ts";
import { advanceSeats } from "./seats/advance-seats.ts";
import { planMoves } from "./seats/plan-moves.ts";
import { isFillLasting, watchLearners } from "./seats/watch-learners.ts";
import { hasEnded, type RunState } from "./runs/run-state.ts";
import { startRun } from "./runs/start-run.ts";
import { advanceSnapshots, noteLeaving } from "./snapshots/advance-snapshots.ts";
import { restartAfterLoss } from "./snapshots/restart-run.ts";
import type { CoordinatorSettings } from "./settings.ts";

export interface ClusterState {
  readonly name: string;
  /** Counts the coordinators that this cluster has had; fences their placements. */
  readonly term: number;
  readonly nextRun: number;
  readonly membership: MembershipState;
  /** In the order of submission. */
  readonly runs: ReadonlyMap<string, RunState>;
}

export function createCluster(name: string, term: number): ClusterState {
  return { name, term, nextRun: 1, membership: emptyMembership, runs: new Map() };
}

export function withRun(cluster: ClusterState, run: RunState): ClusterState {
  if (cluster.runs.get(run.run) === run) return cluster;
  return { ...cluster, runs: new Map(cluster.runs).set(run.run, run) };
}

export interface Outgoing {
  readonly run: RunState;
  readonly command: DesiredCommand;
}

export interface Reconciliation {
  readonly cluster: ClusterState;
  readonly outgoing: readonly Outgoing[];
  /** Commands that were given up, as sentences. */
  readonly notes: readonly string[];
}

/** Moves every run on, starts the next one, forgets old ones, and collects the commands that are due. */
export function reconcile(cluster: ClusterState, now: number, settings: CoordinatorSettings): Reconciliation {
  let next = cluster;
  for (const run of cluster.runs.values()) {
    const { membership } = cluster;
    const watched = watchLearners(takeOn(run, membership), now);
    const planned = planMoves(watched, membership, now, settings);
    const seated = awaitCopies(advanceSeats(planned, membership, now, settings), membership, now, settings);
    const advanced = advanceSnapshots(
      noteLeaving(advanceRun(seated, now, settings), membership),
      cluster.term,
      now,
      settings,
    );
    next = withRun(next, keepFigures(restartAfterLoss(run, advanced, now), now));
  }
  next = startNext(next, now, settings);
  const outgoing: Outgoing[] = [];
  const notes: string[] = [];
  for (const before of next.runs.values()) {
    const { run, send, overdue } = decideDeliveries(before, now, settings);
    for (const late of overdue) notes.push(`${late.name} did not answer ${late.kind} of run ${run.run}`);
    for (const command of send) outgoing.push({ run, command });
    next = withRun(next, run);
    if (!isAskDue(run, now, isFillLasting(run, now, settings))) continue;
    for (const command of vitalQuestions(run)) outgoing.push({ run, command });
    next = withRun(next, { ...run, guard: { ...run.guard, askedAtMs: now } });
  }
  return { cluster: forgetOldRuns(next, settings.finishedRuns), outgoing, notes };
}

function startNext(cluster: ClusterState, now: number, settings: CoordinatorSettings): ClusterState {
  const decision = decideQueue([...cluster.runs.values()], cluster.membership, now, settings);
  if (decision.kind === "empty") return cluster;
  const run = cluster.runs.get(decision.run);
  if (run === undefined) return cluster;
  switch (decision.kind) {
    case "start":
      return withRun(cluster, checkBackups(startRun(run, decision.members, cluster.term, now, settings), now));
    case "give_up": {
      const sentence = `${decision.reason}, for more than ${settings.gatherTimeoutMs / 1000} s`;
      return withRun(cluster, failRun(run, "no_capacity", sentence, {}, now));
    }
    case "wait": {
      const headAtMs = decision.forMembers ? (run.headAtMs ?? now) : null;
      const same = run.reason === decision.reason && run.headAtMs === headAtMs;
      return same ? cluster : withRun(cluster, { ...run, headAtMs, reason: decision.reason });
    }
  }
}

/** A job without slots says nothing of how many there are: they are the workers that it starts with. */
function checkBackups(run: RunState, now: number): RunState {
  const { backup } = run.job.stragglers;
  if (backup === 0 || backup < run.slots) return run;
  const sentence = `job.stragglers.backup: expected less than the ${counted(run.slots, "slot")} of a step, got ${backup}; set job.slots, or workers`;
  return failRun(run, "invalid_job", sentence, { field: "job.stragglers.backup" }, now);
}

function forgetOldRuns(cluster: ClusterState, bound: number): ClusterState {
  const ended = [...cluster.runs.values()].filter(hasEnded);
  if (ended.length <= bound) return cluster;
  const oldest = ended.toSorted((a, b) => (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0)).slice(0, ended.length - bound);
  const runs = new Map(cluster.runs);
  for (const run of oldest) runs.delete(run.run);
  return { ...cluster, runs };
}
