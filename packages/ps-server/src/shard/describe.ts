/** What a shard says about itself. */
import type { ShardDescription } from "@shoal/protocol";
import { describeSeat } from "../replication/describe-seat.ts";
import { explainHeld } from "../replication/hold-reply.ts";
import { explainWait } from "./deadlines.ts";
import type { ShardState } from "./shard-state.ts";

export function describe(state: ShardState): ShardDescription {
  const { options, progress, waits, replication } = state;
  const { counted, stalenessSum, stalenessMax, duplicates, rejected } = progress.counters;
  return {
    type: "shard_description",
    run: options.run,
    shard: options.shard,
    begin: options.range.begin,
    end: options.range.end,
    version: progress.version,
    initialized: progress.initialized,
    batchesApplied: progress.batches.size,
    duplicates,
    rejected,
    bytesMoved: state.bytesMoved,
    stalenessMean: counted === 0 ? 0 : stalenessSum / counted,
    stalenessMax,
    ...state.vitals.signs(),
    bound: options.consistency.mode === "bounded" ? state.bound.current : null,
    updates: progress.log.newest(),
    waits: [
      ...waits.list().map((ticket) => ({
        waiter: ticket.sender.name,
        ...explainWait(state, ticket),
        sinceMs: ticket.sinceMs,
      })),
      ...(replication?.held.list() ?? []).map((reply) => ({
        waiter: reply.waiter,
        ...explainHeld(state, reply),
        sinceMs: reply.sinceMs,
      })),
    ],
    ...(replication !== undefined && { seat: describeSeat(replication) }),
  };
}
