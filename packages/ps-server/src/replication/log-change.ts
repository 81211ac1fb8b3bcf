/** A primary writes what it has done into its log. */
import type { LoggedContribution } from "@shoal/protocol";
import { carryOut, type Change, type Observed } from "../shard/change.ts";
import type { PushTicket } from "../shard/requests.ts";
import type { ShardState } from "../shard/shard-state.ts";
import { committedIndex } from "./peer.ts";

const nothing = new Float32Array(0);

/** Carries out a change and, where the shard has other copies, writes it down for them. */
export function makeChange(state: ShardState, change: Change, observed?: Observed): void {
  state.beforeChange?.();
  carryOut(state, change, observed);
  const { replication, progress, options } = state;
  if (replication === undefined) return;
  const { history, log, peers, term, madeAtMs } = replication;
  const previousMadeIn = history.madeIn;
  history.add(term);
  const { index } = history;
  if (peers.length === 0) {
    log.clear(index + 1);
  } else {
    const { kind, weight, contributions, members, vector = nothing } = change;
    const said = { shard: options.shard, index, madeIn: term, previousMadeIn, version: progress.version };
    log.add({ ...said, kind, weight, contributions, members, vector });
    madeAtMs.set(index, options.clock.now());
    options.metrics.replicating(index - committedIndex(index, peers));
  }
}

export function contributionOf({ sender, header }: PushTicket): LoggedContribution {
  const { worker, incarnation } = sender;
  const { sequence, clock, batch, batches, baseVersion, samples } = header;
  const several = batches === undefined ? {} : { batches };
  return { worker, incarnation, sequence, clock, batch, ...several, baseVersion, samples };
}

/** True where nobody asks for a vector to be written, or there is room for it. */
export function hasRoom({ replication }: ShardState): boolean {
  return replication === undefined || replication.peers.length === 0 || replication.log.hasRoom;
}
