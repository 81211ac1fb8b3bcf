/** A primary whose place has been taken: nobody who waits is answered by it. */
import type { Refusal } from "@shoal/protocol";
import { refusePush } from "../shard/refuse-push.ts";
import { answerPull, turnAway } from "../shard/replies.ts";
import { refusal } from "../shard/requests.ts";
import { describeShard, notifyListeners, type ShardState } from "../shard/shard-state.ts";
import type { Replication } from "./replication.ts";

/** Leaves the copy as it is, as a learner's: whether it is of use its next primary finds out. */
export function stepDown(state: ShardState, replication: Replication, now: number): void {
  replication.role = "learner";
  closePeers(replication);
  const answer = notPrimary(state, replication);
  dropWaiting(state, replication, answer, now);
  state.vectors.finishStep();
  state.tooStale.clear();
  state.given.forget();
  notifyListeners(state);
}

/** Ends all connections to other copies and forgets the log. */
export function closePeers(replication: Replication): void {
  for (const { connection } of replication.peers) connection.release();
  replication.peers = [];
  replication.madeAtMs.clear();
  replication.log.clear(replication.history.index + 1);
}

/** Answers everybody who waits, and gives every gradient back. */
export function dropWaiting(
  state: ShardState,
  replication: Replication | undefined,
  answer: Refusal,
  now: number,
): void {
  for (const arrival of replication?.deferred.splice(0) ?? []) {
    state.waits.remove(arrival.ticket);
    refusePush(state, { ...arrival, now }, answer);
  }
  state.barrier.take();
  for (const ticket of state.waits.list()) {
    state.waits.remove(ticket);
    if (ticket.kind === "push") turnAway(state, ticket, answer, now);
    else answerPull(state, ticket, answer, now);
  }
  for (const reply of replication?.held.takeAll() ?? []) reply.refuse(answer);
}

/** What is said to a worker that asks a copy which is not the primary's. */
export function notPrimary(state: ShardState, { role, seat, term }: Replication): Refusal {
  const { run, shard } = state.options;
  // Who has been told of a higher term by its primary's first entry knows the term alone.
  const primary = role !== "primary" && seat.term === term ? seat.primary : undefined;
  const where = primary === undefined ? "it is not known here whose is" : `${primary.node}'s is`;
  const sentence = `${describeShard(state)}: this copy is not the primary's of term ${term}; ${where}`;
  return refusal("not_primary", sentence, {
    ...{ run, shard, term },
    ...(primary !== undefined && { primary: primary.node, endpoint: primary.endpoint }),
  });
}
