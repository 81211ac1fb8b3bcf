/** How a shard takes over a new member list. */
import type { RunMembers } from "@shoal/protocol";
import { reconsiderPulls } from "./pull.ts";
import { createRoster } from "./roster.ts";
import { notifyListeners, type ShardState } from "./shard-state.ts";

/** Ignores a list that is not newer. Who left holds nobody back; what they contributed stays. */
export function handleMembers(state: ShardState, members: RunMembers, now: number): void {
  if (members.revision <= state.roster.members.revision) return;
  state.roster = createRoster(members);
  state.progress.clocks.update(members);
  if (!state.roster.isOpen) forgetOthers(state);
  reconsiderPulls(state, now);
  notifyListeners(state);
}

/** Who takes no part any more leaves nothing behind but what it contributed. */
function forgetOthers(state: ShardState): void {
  const isListed = (worker: number): boolean => state.roster.incarnationOf(worker) !== undefined;
  state.progress.filter.retain(isListed);
  state.vectors.compensation?.retain(isListed);
  state.given.retain(isListed);
  for (const worker of state.tooStale.keys()) if (!isListed(worker)) state.tooStale.delete(worker);
}
