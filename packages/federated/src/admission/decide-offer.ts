/** Whether a contribution is wanted at all, before its first byte has come. */
import {
  contributionId,
  type ContributionAnswer,
  type ContributionOffer,
  type RejectionCause,
} from "../contribution/contribution.ts";
import type { Standing } from "./standing.ts";

/** What the aggregator knows about the round and the client; the caller has checked who the client is. */
export interface OfferFacts {
  readonly task: string;
  /** The name under which the connection was let in. */
  readonly client: string;
  readonly currentRound: number;
  /** Rounds that a contribution may be behind. */
  readonly maximumStaleness: number;
  /** The version that a round began with; undefined when that is forgotten. */
  readonly versionOf: (round: number) => number | undefined;
  readonly isMember: boolean;
  /** Outcome of the contribution with this id, where there is one. */
  readonly known: "accepted" | "rejected" | undefined;
  /** Bytes that a contribution has in this encoding; undefined for encodings that the task does not take. */
  readonly bytesOf: (encoding: string) => number | undefined;
  readonly standing: Standing;
  readonly nowMs: number;
  readonly comeBackAfterMs: number;
}

export type OfferDecision =
  { readonly kind: "receive" } | { readonly kind: "answer"; readonly answer: ContributionAnswer };

/** Decides by identity, standing, repetition, round, membership and form, in this order. */
export function decideOffer(offer: ContributionOffer, facts: OfferFacts): OfferDecision {
  const { comeBackAfterMs, currentRound, known } = facts;
  const reject = (cause: RejectionCause, reason: string, after = comeBackAfterMs): OfferDecision => ({
    kind: "answer",
    answer: { kind: "rejected", cause, reason, comeBackAfterMs: after },
  });
  if (offer.client !== facts.client || offer.task !== facts.task) {
    return reject("bad_offer", `it is for ${offer.client} and task ${offer.task}, sent by ${facts.client}`);
  }
  // Else one client could take the place of another's upload, and have it refused.
  if (offer.id !== contributionId(offer.client, offer.task, offer.round)) {
    return reject(
      "bad_offer",
      `${offer.id} is not the name of what ${offer.client} contributes to round ${offer.round}`,
    );
  }
  const quarantinedMs = facts.standing.quarantinedUntilMs - facts.nowMs;
  if (quarantinedMs > 0) {
    return reject(
      "quarantined",
      `too many contributions were refused, wait ${Math.ceil(quarantinedMs)} ms`,
      quarantinedMs,
    );
  }
  if (known !== undefined) {
    return { kind: "answer", answer: { kind: "duplicate", accepted: known === "accepted", comeBackAfterMs } };
  }
  if (!Number.isSafeInteger(offer.round) || offer.round > currentRound) {
    return reject("bad_offer", `there is no round ${offer.round} yet; this is round ${currentRound}`);
  }
  if (currentRound - offer.round > facts.maximumStaleness) {
    return { kind: "answer", answer: { kind: "stale", nextRound: currentRound + 1, comeBackAfterMs } };
  }
  if (!facts.isMember) return reject("not_a_member", `${offer.client} was not asked to contribute to this round`);
  return decideForm(offer, facts, reject);
}

function decideForm(
  offer: ContributionOffer,
  { versionOf, bytesOf }: OfferFacts,
  reject: (cause: RejectionCause, reason: string) => OfferDecision,
): OfferDecision {
  const version = versionOf(offer.round);
  if (offer.baseVersion !== version) {
    return reject(
      "bad_offer",
      `round ${offer.round} began with version ${version ?? "unknown"}, not ${offer.baseVersion}`,
    );
  }
  const bytes = bytesOf(offer.encoding);
  if (bytes === undefined) return reject("bad_offer", `the task does not take the encoding ${offer.encoding}`);
  if (offer.content.bytes !== bytes) {
    return reject("wrong_size", `${offer.content.bytes} bytes of ${offer.encoding}, expected ${bytes}`);
  }
  if (!Number.isSafeInteger(offer.samples) || offer.samples < 1) {
    return reject("bad_sample_count", `${offer.samples} samples, expected a positive integer`);
  }
  if (!Number.isSafeInteger(offer.steps) || offer.steps < 1) {
    return reject("bad_offer", `${offer.steps} local steps, expected a positive integer`);
  }
  if (!(Math.abs(offer.loss) <= greatestLoss)) {
    return reject("bad_offer", `a loss of ${offer.loss}, at most ${greatestLoss}`);
  }
  return { kind: "receive" };
}

/** Sums of losses stay numbers, whatever clients claim: records of rounds hold them. */
const greatestLoss = 1e9;
