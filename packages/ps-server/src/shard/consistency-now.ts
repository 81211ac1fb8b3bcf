/**
 * The consistency that holds at a shard's present version: it may change during a run. A warm-up of K steps is
 * synchronous up to version K; then the clocks of the workers begin to be counted, all from the same.
 */
import { synchronousSteps, type Consistency } from "@shoal/protocol";
import type { ShardState } from "./shard-state.ts";

export function consistencyNow({ options, progress, bound }: ShardState): Consistency {
  const { consistency } = options;
  if (progress.version < synchronousSteps(consistency)) return { mode: "synchronous" };
  return consistency.mode === "bounded" ? { mode: "bounded", staleness: bound.current } : consistency;
}

/** Where a worker's clock counts for the bound: not before the end of the warm-up. */
export function countedClock(consistency: Consistency, clock: number): number {
  return consistency.mode === "synchronous" ? clock : Math.max(clock, synchronousSteps(consistency));
}
