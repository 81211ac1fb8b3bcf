/**
 * Batches that were acknowledged and are missing on a shard. With `acknowledge: "memory"` a primary may die with updates
 * that no replica has; a run that has changed its primaries counts, before it completes, what each shard has applied. Pure.
 */
import type { ShardSummary } from "@shoal/protocol";
import type { RunState } from "./run-state.ts";

/** Something may be missing, and it can be told by counting: backup workers leave batches out on purpose. */
function mayHaveLost({ job, copies, seatTerm, hostingTerm }: RunState): boolean {
  const { durability, stragglers } = job;
  const drops = stragglers.backup > 0 || stragglers.predictedWaiting;
  return durability.acknowledge === "memory" && copies > 0 && seatTerm > hostingTerm && !drops;
}

/** What the primary of this term said. */
export interface AppliedBatches {
  readonly term: number;
  readonly batches: number;
}

/** The run is not complete before every shard has been counted, by whoever leads it now. */
export function awaitsCounts(run: RunState): boolean {
  return (
    run.phase === "finishing" &&
    mayHaveLost(run) &&
    [...run.seats.values()].some(({ shard, term }) => run.applied.get(shard)?.term !== term)
  );
}

/** What the primaries say of their shards when everything is done. */
export function noteApplied(run: RunState, shards: readonly ShardSummary[]): RunState {
  if (run.phase !== "finishing" || !mayHaveLost(run)) return run;
  const applied = new Map(run.applied);
  for (const { shard, seat, batchesApplied } of shards) {
    if (seat?.role === "primary") applied.set(shard, { term: seat.term, batches: batchesApplied });
  }
  return { ...run, applied };
}

/** What is missing, as a phrase behind how the run ended; empty where nothing is. */
export function lostText({ applied, ledger }: RunState): string {
  const total = ledger?.total ?? 0;
  const lost = [...applied].filter(([, { batches }]) => batches < total);
  if (lost.length === 0) return "";
  const parts = lost.map(([shard, { batches }]) => `${total - batches} on shard ${shard}`).join(", ");
  return `; batches that were lost with a primary, because acknowledgements waited for no replica: ${parts}`;
}
