/** Refuses a push that has not been taken up: its gradient goes back first. */
import type { Refusal } from "@shoal/protocol";
import { turnAway } from "./replies.ts";
import type { PushArrival } from "./requests.ts";
import type { ShardState } from "./shard-state.ts";

export function refusePush(state: ShardState, { command, ticket, now }: PushArrival, reason: Refusal): void {
  state.progress.counters.rejected += 1;
  command.release();
  turnAway(state, ticket, reason, now);
}
