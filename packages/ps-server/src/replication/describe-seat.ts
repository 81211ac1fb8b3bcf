/** What a copy says about its place. */
import type { ShardSeatSummary } from "@shoal/protocol";
import { isNear } from "./peer.ts";
import type { Replication } from "./replication.ts";

export function describeSeat({ term, role, history, peers, incoming }: Replication): ShardSeatSummary {
  const { index } = history;
  // A learner that is only near may lack what was acknowledged before it was waited for: it must not be made the primary.
  const caughtUp = peers.filter((peer) =>
    peer.role === "learner" ? peer.reportedAtMs !== undefined : isNear(peer, index),
  );
  const received = incoming === undefined ? {} : { received: incoming.received };
  return { term, role, index, caughtUp: caughtUp.map(({ holder }) => holder.member), ...received };
}
