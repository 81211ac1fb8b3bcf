/**
 * Takes over what the last coordinator of this cluster left, under a higher term.
 *
 * Every record that an earlier coordinator might still write is written again under the new term before anything is
 * decided: from then on the other's compare-and-set fails, and it finds out that it has been superseded (J2).
 */
import type { StateStore } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import { createCluster, withRun, type ClusterState } from "../cluster-state.ts";
import type { Holder } from "../leases/ledger.ts";
import type { Member } from "../membership/membership.ts";
import { failRun } from "../runs/end-run.ts";
import { dropWork } from "../runs/participation.ts";
import { isUnderWay, takesPart, withWorker, type RunState } from "../runs/run-state.ts";
import { figuresPrefix } from "./kept-figures.ts";
import { readStarted, type StartedRecords } from "./read-started.ts";
import {
  coordinatorKey,
  jobsPrefix,
  membersPrefix,
  readCoordinator,
  readMembers,
  readRun,
  runRecord,
  runsPrefix,
  termOf,
  type CoordinatorRecord,
} from "./records.ts";
import {
  evaluationsPrefix,
  ledgerPrefix,
  placementPrefix,
  seatsPrefix,
  slotsPrefix,
  workPrefix,
  workRecord,
} from "./run-records.ts";
import type { JournalEntry } from "./changes.ts";

export interface Recovery {
  readonly cluster: ClusterState;
  /** Runs that could not go on; still to be written. */
  readonly entries: readonly JournalEntry[];
  /** Of every key as it is stored now. */
  readonly revisions: ReadonlyMap<string, number>;
  readonly notes: readonly string[];
}

/** Times that another coordinator may write something between this one's reading and writing. */
const attempts = 5;

/**
 * Claims the next term by compare-and-set, then takes members and runs over.
 * @throws ShoalError store_unavailable, store_conflict
 */
export async function recover(store: StateStore, name: string, now: number): Promise<Recovery> {
  const revisions = new Map<string, number>();
  const claimed = await claimTerm(store, revisions);
  const stamps: Stamps = { store, term: claimed.term, revisions };
  const notes: string[] = [`coordinator of term ${claimed.term}`];
  const members = new Map<number, Member>();
  for (const key of await store.keys(membersPrefix)) {
    for (const member of readMembers(await stamp(stamps, key), now)) members.set(member.member, member);
  }
  const nextMember = Math.max(claimed.nextMember, ...[...members.keys()].map((number) => number + 1));
  const empty = createCluster(name, claimed.term);
  let cluster: ClusterState = {
    ...{ ...empty, nextRun: claimed.nextRun },
    membership: { ...empty.membership, members, nextMember },
  };
  const runs = await readRuns(stamps, now, notes);
  const entries: JournalEntry[] = [];
  for (const kept of runs.toSorted((a, b) => a.submittedAtMs - b.submittedAtMs)) {
    const run = takeBack(kept, members);
    cluster = withRun(cluster, run);
    if (isUnderWay(run)) notes.push(`run ${run.run} goes on: it was ${run.phase} under the last coordinator`);
    // Its revision has grown: what members are told now is newer than anything the last coordinator told them.
    if (isUnderWay(run)) entries.push({ key: workPrefix + run.run, value: workRecord(cluster, run) });
    if (!run.orphaned) continue;
    notes.push(run.reason);
    entries.push({ key: runsPrefix + run.run, value: runRecord(cluster, run) });
  }
  return { cluster, entries, revisions, notes };
}

/**
 * Gives to the others what is in the hands of workers that are gone: their going may be written, and not yet what followed
 * from it for the run.
 */
function takeBack(run: RunState, members: ReadonlyMap<number, Member>): RunState {
  if (!isUnderWay(run)) return run;
  let next = run;
  for (const worker of run.workers.values()) {
    const member = members.get(worker.member);
    const isThere = member?.alive === true && member.incarnation === worker.incarnation;
    if (worker.alive && !isThere) next = withWorker(next, { ...worker, alive: false });
  }
  const holders: readonly Holder[] = [...next.workers.values(), ...(next.ledger?.leases ?? [])];
  const gone = holders.filter((holder) => takesPart(next, holder) === undefined);
  return gone.reduce(dropWork, next);
}

async function readRuns(stamps: Stamps, now: number, notes: string[]): Promise<readonly RunState[]> {
  const runs: RunState[] = [];
  for (const key of await stamps.store.keys(runsPrefix)) {
    try {
      const run = await readOne(stamps, key, now);
      if (run !== undefined) runs.push(run);
      else notes.push(`${key} in the store is not a run; it is left alone`);
    } catch (thrown) {
      if (isShoalError(thrown, "store_unavailable") || isShoalError(thrown, "store_conflict")) throw thrown;
      notes.push(`${key} in the store cannot be read: ${ShoalError.from(thrown).message}`);
    }
  }
  return runs;
}

async function readOne(stamps: Stamps, key: string, now: number): Promise<RunState | undefined> {
  const name = key.slice(runsPrefix.length);
  const job = await stamps.store.get(jobsPrefix + name);
  const run = readRun(await stamp(stamps, key), job?.value, now);
  if (run === undefined || run.phase === "queued") return run;
  const lost = (why: string): RunState => {
    const sentence = `run ${name} was ${run.phase} under the last coordinator and cannot go on: ${why}`;
    return { ...failRun(run, "run_failed", sentence, {}, now), orphaned: true };
  };
  const records = await readRecords(stamps, name);
  if (records.work === undefined) return isUnderWay(run) ? lost("nothing is kept of its work") : run;
  try {
    return readStarted(run, records, now);
  } catch (thrown) {
    return isUnderWay(run) ? lost(ShoalError.from(thrown).message) : run;
  }
}

async function readRecords(stamps: Stamps, run: string): Promise<StartedRecords> {
  const read = async <T>(prefix: string): Promise<T | undefined> => {
    const value = await stamp(stamps, prefix + run);
    return termOf(value) === 0 ? undefined : (value as T);
  };
  const seats: unknown[] = [];
  for (const key of await stamps.store.keys(`${seatsPrefix}${run}/`)) seats.push(await stamp(stamps, key));
  return {
    work: await read(workPrefix),
    slots: await read(slotsPrefix),
    ledger: await read(ledgerPrefix),
    evaluations: await read(evaluationsPrefix),
    figures: await read(figuresPrefix),
    placement: await read(placementPrefix),
    seats: seats.filter((value) => termOf(value) > 0) as StartedRecords["seats"],
  };
}

interface Stamps {
  readonly store: StateStore;
  readonly term: number;
  readonly revisions: Map<string, number>;
}

/** Reads a record and writes it back under the new term. @returns undefined where nothing is stored */
async function stamp({ store, term, revisions }: Stamps, key: string): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    const stored = await store.get(key);
    if (stored === undefined) return undefined;
    const storedTerm = termOf(stored.value);
    if (storedTerm === 0) return stored.value;
    if (storedTerm > term)
      throw new ShoalError("store_conflict", `${key} was written under term ${storedTerm}`, { key });
    try {
      revisions.set(key, await store.update(key, { ...(stored.value as object), term }, stored.revision));
      return stored.value;
    } catch (thrown) {
      if (!isShoalError(thrown, "store_conflict") || attempt === attempts) throw thrown;
    }
  }
}

async function claimTerm(store: StateStore, revisions: Map<string, number>): Promise<CoordinatorRecord> {
  for (let attempt = 1; ; attempt += 1) {
    const stored = await store.get(coordinatorKey);
    const last = readCoordinator(stored?.value);
    const { nextRun, nextMember } = last ?? { nextRun: 1, nextMember: 1 };
    const next: CoordinatorRecord = { format: 1, term: (last?.term ?? 0) + 1, nextRun, nextMember };
    try {
      const revision =
        stored === undefined
          ? await store.create(coordinatorKey, next)
          : await store.update(coordinatorKey, next, stored.revision);
      revisions.set(coordinatorKey, revision);
      return next;
    } catch (thrown) {
      if (!isShoalError(thrown, "store_conflict") || attempt === attempts) throw thrown;
    }
  }
}
