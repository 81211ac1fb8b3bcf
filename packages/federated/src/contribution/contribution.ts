/** A client's update on its way to the aggregate, and what it is told. */
import { hexOf, joinStrings, sha256 } from "./sha256.ts";
import type { VectorManifest } from "./manifest.ts";

/** A contribution as it is announced, before its first byte. */
export interface ContributionOffer {
  /** From `contributionId`: however often it is sent, it is the same contribution. */
  readonly id: string;
  readonly task: string;
  /** The round whose parameters it began with. */
  readonly round: number;
  readonly client: string;
  /** Of those parameters. */
  readonly baseVersion: number;
  /** Samples trained on, each counted once. */
  readonly samples: number;
  /** Local steps that made it; FedNova divides by them. */
  readonly steps: number;
  /** Mean loss over the client's own data, where the task wants it measured (`LocalTraining.lossAt`). */
  readonly loss: number;
  readonly encoding: string;
  readonly content: VectorManifest;
}

export type RejectionCause =
  /** The offer contradicts itself or the task. */
  | "bad_offer"
  | "wrong_size"
  | "bad_sample_count"
  | "not_finite"
  | "norm_too_large"
  /** The bytes are not those that were announced. */
  | "damaged"
  /** More than a client may leave unfinished, or than there is room for. */
  | "no_room"
  | "not_a_member"
  | "quarantined";

/** Every contribution gets one of these; each says when the client is wanted again. */
export type ContributionAnswer = { readonly comeBackAfterMs: number } & (
  | { readonly kind: "accepted"; readonly weight: number }
  /** It is here already; `accepted` says whether it counts. */
  | { readonly kind: "duplicate"; readonly accepted: boolean }
  /** The round is over: nothing is wrong with the client. */
  | { readonly kind: "stale"; readonly nextRound: number }
  /** It would be refused again. */
  | { readonly kind: "rejected"; readonly cause: RejectionCause; readonly reason: string }
  /** Not now: nobody can take it. The same contribution is welcome later. */
  | { readonly kind: "come_back"; readonly reason: string }
);

/** The name of what `client` contributes to `round` of `task`: 32 hexadecimal digits. */
export function contributionId(client: string, task: string, round: number): string {
  return hexOf(sha256(joinStrings([client, task, String(round)]))).slice(0, 32);
}
