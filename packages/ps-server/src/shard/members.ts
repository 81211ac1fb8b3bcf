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
  if (!state.roster.isOpen) state.progress.filter.retain((worker) => state.roster.incarnationOf(worker) !== undefined);
  reconsiderPulls(state, now);
  notifyListeners(state);
}
