/** What follows from a new member list. */
import type { RunMembers } from "@shoal/protocol";
import { createRoster } from "./roster.ts";
import type { ShardState } from "./shard-state.ts";

/** Who left holds nobody back; what they contributed stays. */
export function applyMembers(state: ShardState, members: RunMembers): void {
  state.roster = createRoster(members);
  state.progress.clocks.update(members);
  if (!state.roster.isOpen) forgetOthers(state);
}

/** Who takes no part any more leaves nothing behind but what it contributed. */
function forgetOthers(state: ShardState): void {
  const isListed = (worker: number): boolean => state.roster.incarnationOf(worker) !== undefined;
  state.progress.filter.retain(isListed);
  state.vectors.compensation?.retain(isListed);
  state.given.retain(isListed);
  for (const worker of state.tooStale.keys()) if (!isListed(worker)) state.tooStale.delete(worker);
}
