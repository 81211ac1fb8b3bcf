/** How a shard ends: everybody who waits is told, every gradient goes back. */
import { closePeers, dropWaiting } from "../replication/step-down.ts";
import { dropCut } from "./awaited-cut.ts";
import { refusal } from "./requests.ts";
import { describeShard, notifyListeners, type ShardState } from "./shard-state.ts";

export function retire(state: ShardState, now: number): void {
  const answer = refusal("unknown_shard", `${describeShard(state)} is no longer hosted here`, {
    run: state.options.run,
    shard: state.options.shard,
  });
  const { replication } = state;
  if (replication !== undefined) closePeers(replication);
  dropWaiting(state, replication, answer, now);
  dropCut(state);
  notifyListeners(state);
}
