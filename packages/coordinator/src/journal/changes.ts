/** What a change of the coordinator's state means for the store. */
import type { ClusterState } from "../cluster-state.ts";
import type { Member } from "../membership/membership.ts";
import type { RunState } from "../runs/run-state.ts";
import {
  coordinatorKey,
  coordinatorRecord,
  jobRecord,
  jobsPrefix,
  memberPart,
  membersPrefix,
  membersRecord,
  runRecord,
  runsPrefix,
} from "./records.ts";
import { figuresPrefix, figuresRecord } from "./kept-figures.ts";
import {
  evaluationsPrefix,
  evaluationsRecord,
  keptWorker,
  ledgerPrefix,
  ledgerRecord,
  placementPrefix,
  placementRecord,
  seatPart,
  seatsPrefix,
  seatsRecord,
  slotsPrefix,
  slotsRecord,
  workPrefix,
  workRecord,
} from "./run-records.ts";

/** One write; an undefined value deletes. */
export interface JournalEntry {
  readonly key: string;
  readonly value: unknown;
}

/**
 * Everything that a coordinator after this one must know, in the order in which it is written: the counters first (an old
 * coordinator finds out by them that it is one), a run's phase after what it stands for.
 */
export function durableChanges(before: ClusterState, after: ClusterState): readonly JournalEntry[] {
  const entries: JournalEntry[] = [];
  if (before.nextRun !== after.nextRun || before.membership.nextMember !== after.membership.nextMember) {
    entries.push({ key: coordinatorKey, value: coordinatorRecord(after) });
  }
  entries.push(...changedMembers(before, after));
  if (before.runs === after.runs) return entries;
  for (const run of after.runs.values()) {
    const old = before.runs.get(run.run);
    if (old !== run) entries.push(...changedRun(after, old, run));
  }
  for (const [name, run] of before.runs) {
    if (!after.runs.has(name)) entries.push(...keysOf(run).map((key) => ({ key, value: undefined })));
  }
  return entries;
}

function changedMembers(before: ClusterState, after: ClusterState): readonly JournalEntry[] {
  if (before.membership.members === after.membership.members) return [];
  const parts = new Set<number>();
  for (const member of after.membership.members.values()) {
    const old = before.membership.members.get(member.member);
    if (old === undefined || !isSameLife(old, member)) parts.add(memberPart(member.member));
  }
  for (const number of before.membership.members.keys())
    if (!after.membership.members.has(number)) parts.add(memberPart(number));
  return [...parts].map((part) => ({ key: membersPrefix + String(part), value: membersRecord(after, part) }));
}

function isSameLife(a: Member, b: Member): boolean {
  return a.incarnation === b.incarnation && a.alive === b.alive;
}

function changedRun(cluster: ClusterState, old: RunState | undefined, run: RunState): readonly JournalEntry[] {
  const { run: name } = run;
  const entries: JournalEntry[] = [];
  const isBegun = old !== undefined && old.attempt === run.attempt && old.origin === run.origin;
  if (!isBegun) entries.push({ key: jobsPrefix + name, value: jobRecord(cluster, run) });
  if (run.assignments.size > 0 && old?.assignments !== run.assignments) {
    entries.push({ key: placementPrefix + name, value: placementRecord(cluster, run) });
  }
  for (const part of changedParts(old, run)) {
    entries.push({ key: seatsKey(name, part), value: seatsRecord(cluster, run, part) });
  }
  const isMoved = old?.roster.slotOwners !== run.roster.slotOwners || old.slotMoves !== run.slotMoves;
  if (run.roster.slotOwners.length > 0 && isMoved) {
    entries.push({ key: slotsPrefix + name, value: slotsRecord(cluster, run) });
  }
  if (run.startedAtMs !== null && isWorkChanged(old, run)) {
    entries.push({ key: workPrefix + name, value: workRecord(cluster, run) });
  }
  if (run.ledger !== null && old?.ledger !== run.ledger) {
    entries.push({ key: ledgerPrefix + name, value: ledgerRecord(cluster, run) });
  }
  if (run.startedAtMs !== null && old?.evaluations !== run.evaluations) {
    entries.push({ key: evaluationsPrefix + name, value: evaluationsRecord(cluster, run) });
  }
  if (run.kept !== null && old?.kept !== run.kept) {
    entries.push({ key: figuresPrefix + name, value: figuresRecord(cluster, run.kept) });
  }
  if (old?.phase !== run.phase) entries.push({ key: runsPrefix + name, value: runRecord(cluster, run) });
  return entries;
}

export function seatsKey(run: string, part: number): string {
  return `${seatsPrefix}${run}/${part}`;
}

function changedParts(old: RunState | undefined, run: RunState): ReadonlySet<number> {
  const parts = new Set<number>();
  if (old?.seats === run.seats) return parts;
  for (const [shard, seat] of run.seats) if (old?.seats.get(shard) !== seat) parts.add(seatPart(shard));
  return parts;
}

/** By reference where values are never equal but the same, and by the durable fields of workers. */
function isWorkChanged(old: RunState | undefined, run: RunState): boolean {
  if (old === undefined) return true;
  const fields = ["startedAtMs", "trainingAtMs", "plan", "finisher", "stepCuts", "notFinite", "lastFailure"] as const;
  if (fields.some((field) => old[field] !== run[field])) return true;
  if (old.guard.fellBack !== run.guard.fellBack || old.roster !== run.roster) return true;
  if (old.servers.length !== run.servers.length) return true;
  if (old.servers.some((server, index) => server.incarnation !== run.servers[index]?.incarnation)) return true;
  if (old.workers === run.workers) return false;
  if (old.workers.size !== run.workers.size) return true;
  return [...run.workers.values()].some((worker) => {
    const former = old.workers.get(worker.member);
    if (former === worker) return false;
    if (former === undefined) return true;
    const kept = keptWorker(worker);
    return keptWorker(former).some((value, index) => value !== kept[index]);
  });
}

/** Every key that a run may have. */
function keysOf({ run, seats }: Pick<RunState, "run" | "seats">): readonly string[] {
  const parts = new Set([...seats.keys()].map(seatPart));
  return [
    ...[runsPrefix, jobsPrefix, workPrefix, slotsPrefix, ledgerPrefix, evaluationsPrefix, figuresPrefix].map(
      (prefix) => prefix + run,
    ),
    placementPrefix + run,
    ...[...parts].map((part) => seatsKey(run, part)),
  ];
}
