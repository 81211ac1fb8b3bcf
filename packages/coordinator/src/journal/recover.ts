/** Takes over what the last coordinator of this cluster left, under a higher term. */
import type { StateStore } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { RunState } from "../runs/run-state.ts";
import { createCluster, withRun, type ClusterState } from "../cluster-state.ts";
import type { JournalEntry } from "./changes.ts";
import {
  coordinatorKey,
  membersKey,
  readCoordinator,
  readMembers,
  readRun,
  runRecord,
  runsPrefix,
  type CoordinatorRecord,
} from "./records.ts";

export interface Recovery {
  readonly cluster: ClusterState;
  /** Runs that ended with the last coordinator; still to be written. */
  readonly entries: readonly JournalEntry[];
  readonly notes: readonly string[];
}

/** Times that another coordinator may take the term away from under this one. */
const attempts = 5;

/**
 * Claims the next term by compare-and-set, then reads members and runs.
 * @throws ShoalError store_unavailable, store_conflict
 */
export async function recover(store: StateStore, name: string, now: number): Promise<Recovery> {
  const claimed = await claimTerm(store);
  const notes: string[] = [`coordinator of term ${claimed.term}`];
  let cluster: ClusterState = { ...createCluster(name, claimed.term), nextRun: claimed.nextRun };
  const membership = readMembers((await store.get(membersKey))?.value);
  if (membership !== undefined) cluster = { ...cluster, membership };
  const runs: RunState[] = [];
  for (const key of await store.keys(runsPrefix)) {
    try {
      const run = readRun((await store.get(key))?.value, now);
      if (run !== undefined) runs.push(run);
      else notes.push(`${key} in the store is not a run; it is left alone`);
    } catch (thrown) {
      if (isShoalError(thrown, "store_unavailable")) throw thrown;
      notes.push(`${key} in the store cannot be read: ${ShoalError.from(thrown).message}`);
    }
  }
  for (const run of runs.toSorted((a, b) => a.submittedAtMs - b.submittedAtMs)) {
    cluster = withRun(cluster, run);
    if (run.orphaned) notes.push(run.reason);
  }
  const entries = runs
    .filter((run) => run.orphaned)
    .map((run) => ({ key: runsPrefix + run.run, value: runRecord(cluster, run) }));
  return { cluster, entries, notes };
}

async function claimTerm(store: StateStore): Promise<CoordinatorRecord> {
  for (let attempt = 1; ; attempt += 1) {
    const stored = await store.get(coordinatorKey);
    const last = readCoordinator(stored?.value);
    const next: CoordinatorRecord = { format: 1, term: (last?.term ?? 0) + 1, nextRun: last?.nextRun ?? 1 };
    try {
      if (stored === undefined) await store.create(coordinatorKey, next);
      else await store.update(coordinatorKey, next, stored.revision);
      return next;
    } catch (thrown) {
      if (!isShoalError(thrown, "store_conflict") || attempt === attempts) throw thrown;
    }
  }
}
