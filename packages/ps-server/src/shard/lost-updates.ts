/**
 * A shard learns that updates were acknowledged which it never had: with `acknowledge: "memory"` a primary may take them
 * with it. Somebody computed from their version, so it exists; what they changed does not.
 *
 * Versions never go back for those who have seen them: the lost ones are made again as updates of nothing, in the log as
 * every other. The run counts the batches that are missing in the end.
 *
 * Bounds  A primary is at most its log ahead of its replicas: so many updates are made up for at a time, and no more than
 *         there is room for in the log of this one.
 */
import { maximumEntries, reservedEntries } from "../replication/bounds.ts";
import { makeChange } from "../replication/log-change.ts";
import { reconsiderPulls } from "./pull.ts";
import { turnAway } from "./replies.ts";
import { notifyListeners, type ShardState } from "./shard-state.ts";

/** How many of the newest updates may be missing here although they were acknowledged. */
export function lostAtMost({ replication }: ShardState): number {
  return replication?.options.acknowledge === "memory" ? maximumEntries - reservedEntries : 0;
}

/** @returns false where the log has no room for all of them now */
export function makeUpFor(state: ShardState, version: number, now: number): boolean {
  endStep(state, version, now);
  const { progress, replication } = state;
  while (progress.version < version && replication?.log.hasReserve === true) {
    makeChange(state, { kind: "update", contributions: [], weight: 1, vector: undefined, members: null });
  }
  reconsiderPulls(state, now);
  notifyListeners(state);
  return progress.version >= version;
}

/** The step in progress was over already: its senders go on from the next one. */
function endStep(state: ShardState, version: number, now: number): void {
  state.vectors.finishStep();
  for (const { requests } of state.barrier.take()) {
    for (const ticket of requests) {
      state.waits.remove(ticket);
      turnAway(state, ticket, { type: "push_rejected", reason: "stale_clock", version }, now);
    }
  }
}
