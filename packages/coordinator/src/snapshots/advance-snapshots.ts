/** Moves the snapshots of a run on: called after every event and on every tick. */
import type { MembershipState } from "../membership/membership.ts";
import { liveWorkers } from "../runs/participation.ts";
import { isSynchronous, isUnderWay, isWarmingUp, type RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { decideSnapshot } from "./decide-snapshot.ts";
import { missingSlots } from "./slot-states.ts";
import { nameSnapshot, type SnapshotProgress, type SnapshotUnderWay } from "./snapshot-state.ts";

/** @param term of this coordinator */
export function advanceSnapshots(run: RunState, term: number, now: number, settings: CoordinatorSettings): RunState {
  const { snapshots } = run;
  if (snapshots.underWay !== null) {
    if (!isUnderWay(run)) return withSnapshots(run, { underWay: null });
    return follow(run, snapshots.underWay, now, settings);
  }
  if (run.phase !== "training" || run.ledger === null || run.plan === null || isWarmingUp(run)) return run;
  if (snapshots.lastAtMs === null) {
    return withSnapshots(run, { lastAtMs: now, lastStep: stepsDone(run) });
  }
  const decision = decideSnapshot({
    ...{ settings: run.job.durability.snapshots, isWanted: snapshots.isWanted },
    ...{ isSynchronous: isSynchronous(run), stepsDone: heard(run), totalSteps: run.plan.totalSteps },
    isIdle: liveWorkers(run).length === 0,
    stepsPerMs: speedOf(run) / (isSynchronous(run) ? run.slots : 1),
    ...{ lastStep: snapshots.lastStep, sinceLastMs: now - snapshots.lastAtMs, lead: snapshots.lead },
  });
  if (decision.kind === "wait") return run;
  const { version } = decision;
  const begun = snapshots.begun + 1;
  const step = version ?? heard(run);
  const underWay: SnapshotUnderWay = {
    ...{ snapshot: nameSnapshot(run.attempt, step, term, begun), version, beganAtMs: now },
    ...{ saved: new Map(), slots: new Map(), done: null, blockedMs: 0, publishingSinceMs: null },
  };
  return withSnapshots(run, { begun, underWay, isWanted: false, lastStep: step, lastAtMs: now });
}

export function withSnapshots(run: RunState, change: Partial<SnapshotProgress>): RunState {
  return { ...run, snapshots: { ...run.snapshots, ...change } };
}

/** The next one is taken when it is due again; training is not touched. */
export function failSnapshot(run: RunState, reason: string, change: Partial<SnapshotProgress> = {}): RunState {
  const { underWay } = run.snapshots;
  if (underWay === null) return run;
  return withSnapshots(run, { underWay: null, failure: `snapshot ${underWay.snapshot}: ${reason}`, ...change });
}

/** Shards that a server leads and whose answer is missing. */
export function unsavedShards(run: RunState, member: number, incarnation: number): readonly number[] {
  const { underWay } = run.snapshots;
  if (underWay === null || underWay.publishingSinceMs !== null) return [];
  return [...run.seats.values()]
    .filter(({ primary }) => primary.member === member && primary.incarnation === incarnation)
    .map(({ shard }) => shard)
    .filter((shard) => !underWay.saved.has(shard));
}

function follow(run: RunState, underWay: SnapshotUnderWay, now: number, settings: CoordinatorSettings): RunState {
  const { saved, version, publishingSinceMs } = underWay;
  const limit = settings.snapshotTimeoutMs;
  if (publishingSinceMs !== null) {
    return now - publishingSinceMs < limit ? run : failSnapshot(run, `its manifest was not written within ${limit} ms`);
  }
  const missing = [...run.seats.values()].filter(({ shard }) => !saved.has(shard));
  if (missing.length > 0) {
    if (now - underWay.beganAtMs < limit) return run;
    const names = [...new Set(missing.map(({ primary }) => primary.node))].join(", ");
    return failSnapshot(run, `${names} did not save shards within ${limit} ms`);
  }
  const [slot] = missingSlots(run);
  if (slot !== undefined) {
    if (now - underWay.beganAtMs < limit) return run;
    const owner = run.workers.get(run.roster.slotOwners[slot] ?? -1)?.name ?? "nobody";
    return failSnapshot(run, `${owner} did not save slot ${slot} within ${limit} ms`);
  }
  const wrong = [...saved.values()].find((each) => version !== null && each.version !== version);
  if (wrong !== undefined) {
    return failSnapshot(run, `shard ${wrong.shard} was saved in version ${wrong.version}, not ${version ?? 0}`);
  }
  return withSnapshots(run, { underWay: { ...underWay, publishingSinceMs: now } });
}

/** Reports of workers are late: a shard may have said more. */
function heard(run: RunState): number {
  return isSynchronous(run) ? Math.max(stepsDone(run), run.snapshots.passed) : stepsDone(run);
}

/** A server that leaves may be the last: what it holds is written down before it goes. */
export function noteLeaving(run: RunState, membership: MembershipState): RunState {
  if (run.phase !== "training" || run.job.durability.snapshots === null) return run;
  const leaving = run.servers
    .filter(({ member, alive }) => alive && membership.members.get(member)?.leaving === true)
    .map(({ member, incarnation }) => `${member}.${incarnation}`)
    .filter((life) => !run.snapshots.drained.has(life));
  if (leaving.length === 0) return run;
  return withSnapshots(run, { isWanted: true, drained: new Set([...run.snapshots.drained, ...leaving]) });
}

/** Whole steps of a synchronous run, batches of another. */
export function stepsDone(run: RunState): number {
  if (run.ledger === null) return 0;
  if (!isSynchronous(run)) return run.ledger.doneCount;
  const [first] = run.ledger.done;
  return first?.begin === 0 ? Math.floor(first.end / run.slots) : 0;
}

/** Batches in a millisecond, of all workers. */
export function speedOf({ workers }: RunState): number {
  let sum = 0;
  for (const { batchesPerMs, alive } of workers.values()) if (alive) sum += batchesPerMs ?? 0;
  return sum;
}
