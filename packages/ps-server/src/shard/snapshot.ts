/**
 * Snapshot and restore of a shard: what it must survive a restart with, as plain data.
 *
 * Not in a snapshot is the synchronous step in progress: its contributions have not been acknowledged, so their senders
 * repeat them. Restored and continued gives the same bits as continued.
 */
import { ShoalError } from "@shoal/errors";
import type { CompensationSnapshot, OptimizerSnapshot } from "@shoal/optimization";
import type { Refusal, ShardRestored, ShardSnapshot } from "@shoal/protocol";
import { checkProgressSnapshot } from "./check-snapshot.ts";
import { createProgress, snapshotProgress } from "./progress.ts";
import { reconsiderPulls } from "./pull.ts";
import { turnAway } from "./replies.ts";
import { refusal } from "./requests.ts";
import { describeShard, notifyListeners, type ShardState } from "./shard-state.ts";

export function takeSnapshot(state: ShardState): ShardSnapshot {
  const { options, progress, vectors } = state;
  return {
    type: "shard_snapshot",
    format: 1,
    run: options.run,
    shard: options.shard,
    begin: options.range.begin,
    end: options.range.end,
    version: progress.version,
    values: new Float32Array(vectors.values()),
    optimizer: vectors.optimizer.snapshot(),
    compensation: vectors.compensation?.snapshot() ?? null,
    buffer: vectors.buffer?.snapshot() ?? null,
    bound: state.bound.current,
    progress: snapshotProgress(progress),
  };
}

/**
 * Replaces all state, or leaves all as it is and says why (`snapshot_corrupt`). Who waits with a push is told to push again.
 * Where there is no memory for what compensation keeps (`out_of_memory`), the optimiser's state has been replaced already.
 */
export function restoreSnapshot(state: ShardState, snapshot: ShardSnapshot, now: number): ShardRestored | Refusal {
  try {
    checkFit(state, snapshot);
    const progress = createProgress(checkProgressSnapshot(snapshot.progress));
    state.vectors.buffer?.check(snapshot.buffer);
    const compensation = state.vectors.compensation && checkCompensation(snapshot.compensation);
    state.vectors.optimizer.restore(snapshot.optimizer as OptimizerSnapshot);
    if (compensation !== undefined) state.vectors.compensation?.restore(compensation);
    state.vectors.buffer?.restore(snapshot.buffer);
    state.vectors.write(snapshot.values);
    state.given.forget();
    state.bound.restore(snapshot.bound ?? 0);
    progress.version = snapshot.version;
    progress.clocks.update(state.roster.members);
    state.progress = progress;
  } catch (error) {
    const { message, code } = ShoalError.from(error);
    const sentence = `${describeShard(state)} cannot go on from this snapshot: ${message}`;
    const reason = code === "out_of_memory" ? code : "snapshot_corrupt";
    return refusal(reason, sentence, { shard: state.options.shard });
  }
  dropStep(state, now);
  reconsiderPulls(state, now);
  notifyListeners(state);
  return { type: "restored", version: state.progress.version };
}

/** @throws RangeError when the snapshot was taken without a compensation */
function checkCompensation(compensation: unknown): CompensationSnapshot {
  const { entries } = Object(compensation) as Partial<CompensationSnapshot>;
  if (!Array.isArray(entries)) throw new RangeError("it has no vectors for the compensation of delays");
  return compensation as CompensationSnapshot;
}

function checkFit(state: ShardState, snapshot: ShardSnapshot): void {
  const { run, shard, range } = state.options;
  const expected = { format: 1, run, shard, begin: range.begin, end: range.end };
  for (const [field, value] of Object.entries(expected)) {
    const found = snapshot[field as keyof typeof expected];
    if (found !== value) throw new RangeError(`its ${field} is ${found}, not ${value}`);
  }
  const { values, version, bound = 0 } = snapshot;
  if (!(values instanceof Float32Array) || values.length !== state.size) {
    throw new RangeError(`it does not hold the ${state.size} values of the range`);
  }
  if (!Number.isSafeInteger(version) || version < 0) throw new RangeError(`its version is ${version}`);
  if (!Number.isSafeInteger(bound) || bound < 0) throw new RangeError(`its bound is ${bound}`);
}

/** The step in progress belongs to the replaced state: its gradients go back, its senders are told to repeat. */
function dropStep(state: ShardState, now: number): void {
  const sentence = `${describeShard(state)} went on from a snapshot of version ${state.progress.version}: push again`;
  state.vectors.finishStep();
  for (const { requests } of state.barrier.take()) {
    for (const ticket of requests) {
      state.waits.remove(ticket);
      turnAway(state, ticket, refusal("actor_stopped", sentence, { shard: state.options.shard }), now);
    }
  }
}
