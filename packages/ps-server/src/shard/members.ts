/** How a shard takes over a new member list. */
import type { RunMembers } from "@shoal/protocol";
import { makeChange } from "../replication/log-change.ts";
import { reconsiderPulls } from "./pull.ts";
import { notifyListeners, type ShardState } from "./shard-state.ts";

/** Ignores a list that is not newer. To other copies than the primary's the log brings it. */
export function handleMembers(state: ShardState, members: RunMembers, now: number): void {
  const { replication } = state;
  const known = replication?.newestMembers ?? state.roster.members;
  if (members.revision <= Math.max(known.revision, state.roster.members.revision)) return;
  if (replication !== undefined && (replication.role !== "primary" || !replication.log.hasReserve)) {
    replication.newestMembers = members;
    return;
  }
  makeChange(state, { kind: "members", contributions: [], weight: 1, vector: undefined, members });
  reconsiderPulls(state, now);
  notifyListeners(state);
}
