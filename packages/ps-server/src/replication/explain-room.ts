/** For whom updates wait when the log has no room. */
import type { ShardState } from "../shard/shard-state.ts";
import { blockersOf } from "./peer.ts";
import { describeHolder } from "./seat-roles.ts";

/** The slowest holders, and why, as a phrase that follows "waits for". */
export function explainRoom({ replication }: ShardState): {
  readonly waitingFor: readonly string[];
  readonly reason: string;
} {
  if (replication === undefined) return { waitingFor: [], reason: "nobody" };
  const { log, peers } = replication;
  const waitingFor = blockersOf(log.first, peers).map(({ holder, role }) => describeHolder(holder.node, role));
  return { waitingFor, reason: `${waitingFor.join(", ")}, entry ${log.first}` };
}
