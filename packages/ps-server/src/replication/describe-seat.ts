/** What a copy says about its place. */
import type { ShardSeatSummary } from "@shoal/protocol";
import { isNear } from "./peer.ts";
import type { Replication } from "./replication.ts";

export function describeSeat({ term, role, history, peers }: Replication): ShardSeatSummary {
  const { index } = history;
  const caughtUp = peers.filter((peer) => isNear(peer, index));
  return { term, role, index, caughtUp: caughtUp.map(({ holder }) => holder.member) };
}
