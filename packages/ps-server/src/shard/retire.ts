/** How a shard ends: everybody who waits is told, every gradient goes back. */
import { answerPull, turnAway } from "./replies.ts";
import { refusal } from "./requests.ts";
import { describeShard, notifyListeners, type ShardState } from "./shard-state.ts";

export function retire(state: ShardState, now: number): void {
  const answer = refusal("unknown_shard", `${describeShard(state)} is no longer hosted here`, {
    run: state.options.run,
    shard: state.options.shard,
  });
  state.barrier.take();
  for (const ticket of state.waits.list()) {
    state.waits.remove(ticket);
    if (ticket.kind === "push") turnAway(state, ticket, answer, now);
    else answerPull(state, ticket, answer, now);
  }
  notifyListeners(state);
}
