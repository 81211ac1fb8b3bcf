/** What a change of the coordinator's state means for the store. */
import type { ClusterState } from "../cluster-state.ts";
import {
  coordinatorKey,
  coordinatorRecord,
  membersKey,
  membersRecord,
  placementPrefix,
  placementRecord,
  runRecord,
  runsPrefix,
} from "./records.ts";

/** One write; an undefined value deletes. */
export interface JournalEntry {
  readonly key: string;
  readonly value: unknown;
}

/** Joins, phases and placements are durable; progress and heartbeats are not. */
export function durableChanges(before: ClusterState, after: ClusterState): readonly JournalEntry[] {
  const entries: JournalEntry[] = [];
  if (before.nextRun !== after.nextRun) entries.push({ key: coordinatorKey, value: coordinatorRecord(after) });
  if (before.membership.joins !== after.membership.joins)
    entries.push({ key: membersKey, value: membersRecord(after) });
  if (before.runs === after.runs) return entries;
  for (const run of after.runs.values()) {
    const old = before.runs.get(run.run);
    if (old?.phase !== run.phase) entries.push({ key: runsPrefix + run.run, value: runRecord(after, run) });
    if (run.placement !== null && old?.placement !== run.placement) {
      entries.push({ key: placementPrefix + run.run, value: placementRecord(after, run.placement) });
    }
  }
  for (const name of before.runs.keys()) {
    if (after.runs.has(name)) continue;
    entries.push({ key: runsPrefix + name, value: undefined }, { key: placementPrefix + name, value: undefined });
  }
  return entries;
}
