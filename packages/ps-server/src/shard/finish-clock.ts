/** A worker has finished an iteration, as far as the bound counts it. */
import type { PushTicket } from "./requests.ts";
import { countedClock } from "./consistency-now.ts";
import type { ShardState } from "./shard-state.ts";

/** The iterations of a warm-up are nobody's: after it all workers begin to be counted from the same clock. */
export function finishClock(state: ShardState, { sender, header }: PushTicket): void {
  if (header.clock < countedClock(state.options.consistency, header.clock)) return;
  state.progress.clocks.finish(sender.worker, sender.incarnation, header.clock);
}
