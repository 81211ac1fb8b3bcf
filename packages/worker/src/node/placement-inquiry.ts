/**
 * Asks the coordinator for the newest placement when a server is gone or leads a shard no more, in case nobody has told.
 *
 * The coordinator tells every worker of a new placement by itself; what is asked here helps where that was lost.
 *
 * Bounds  One question under way, a deadline of `askMs`, at least `restMs` between two.
 */
import type { ActorSystem, Ref } from "@shoal/actors";
import {
  acceptorOf,
  placementReplySchema,
  type CoordinatorMessage,
  type LinkIdentity,
  type Placement,
  type PlacementReply,
} from "@shoal/protocol";

export interface PlacementInquiryOptions {
  readonly system: ActorSystem;
  readonly coordinator: Ref<CoordinatorMessage>;
  readonly identity: LinkIdentity;
  readonly signal: AbortSignal;
  /** Term of the placement that is followed now. */
  readonly term: () => number;
  /** Follows a placement, which may be an old one. */
  readonly follow: (placement: Placement) => void;
}

const askMs = 1_000;
const restMs = 100;

const accepts = acceptorOf(placementReplySchema);

/** @returns to be told of every failure that a newer placement may heal */
export function createPlacementInquiry(options: PlacementInquiryOptions): () => void {
  const { system, coordinator, identity, signal, term, follow } = options;
  const { run, worker: member, incarnation, name: owner } = identity;
  let underWay = false;
  let restUntilMs = 0;

  const ask = async (): Promise<void> => {
    const asked = { run, member, incarnation, term: term() };
    const answer = await system.ask<CoordinatorMessage, PlacementReply>(
      coordinator,
      (replyTo) => ({ type: "request_placement", ...asked, replyTo }),
      { deadlineMs: askMs, reason: `for the newest placement of run ${run}`, owner, accepts },
    );
    if (!signal.aborted) follow(answer.placement);
  };
  return () => {
    if (underWay || signal.aborted || system.clock.now() < restUntilMs) return;
    underWay = true;
    // A silent coordinator is no failure of the exchange: its next attempt asks again.
    void ask()
      .catch(() => undefined)
      .then(() => {
        underWay = false;
        restUntilMs = system.clock.now() + restMs;
      });
  };
}
