/** Gathers what decidePush wants to know about a push from the state of the shard. */
import type { LinkIdentity } from "@shoal/protocol";
import { consistencyNow } from "./consistency-now.ts";
import type { PushFacts } from "./consistency.ts";
import { lostAtMost } from "./lost-updates.ts";
import type { PushHeader, PushTicket } from "./requests.ts";
import { refusalOf } from "./roster.ts";
import type { ShardState } from "./shard-state.ts";

export function gatherPushFacts(state: ShardState, ticket: PushTicket): PushFacts {
  const slot = slotOf(state, ticket);
  return gatherFacts(state, ticket.sender, ticket.header, slot);
}

/** The same before the push has arrived. @param slot where it belongs in synchronous mode */
export function gatherFacts(
  state: ShardState,
  sender: LinkIdentity,
  header: Pick<PushHeader, "sequence" | "clock" | "baseVersion" | "batch" | "batches">,
  slot: number | undefined,
): PushFacts {
  const { options, progress } = state;
  const { batch, batches = 1, clock, baseVersion, sequence } = header;
  return {
    consistency: consistencyNow(state),
    slots: options.slots,
    initialized: progress.initialized,
    version: progress.version,
    clock,
    baseVersion,
    batch,
    batches,
    sighting: progress.filter.sight(sender.worker, sender.incarnation, sequence),
    refusal: refusalOf(state.roster, sender),
    slot,
    slotFill: slot === undefined ? "empty" : state.barrier.fillOf(slot),
    stalenessBound: options.staleness.bound,
    tooStaleInRow: state.tooStale.get(sender.worker) ?? 0,
    batchesCounted: batch === null ? 0 : progress.batches.countIn(batch, batches),
    lostAtMost: lostAtMost(state),
    hasRoom: progress.filter.hasRoomFor(sender.worker) && (batch === null || progress.batches.hasRoomFor(batch)),
  };
}

function slotOf(state: ShardState, ticket: PushTicket): number | undefined {
  const { batch } = ticket.header;
  if (consistencyNow(state).mode !== "synchronous") return undefined;
  if (batch !== null) return batch % state.options.slots;
  // Places move when members leave; a push that waits already keeps the slot it was given.
  return state.barrier.slotOf(ticket) ?? state.roster.placeOf(ticket.sender.worker);
}
