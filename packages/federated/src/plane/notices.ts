/** What an aggregator tells clients unasked. Any of them may be lost: a client that checks in hears the same. */
import type { RoundOffer } from "./task-description.ts";

export type ClientNotice =
  /** "You were drawn for this round." */
  | { readonly type: "round_offered"; readonly offer: RoundOffer }
  /** "Nothing more is wanted from you in this round." */
  | {
      readonly type: "round_over";
      readonly round: number;
      readonly reason: string;
      readonly comeBackAfterMs: number;
    }
  /** "Your contribution was lost on our side: offer it again." */
  | { readonly type: "offer_again"; readonly round: number }
  | { readonly type: "secure_notice"; readonly round: number; readonly stage: string; readonly body: Uint8Array }
  /**
   * "An aggregator is here (again): check in within so many ms, each at a moment of its own." To all, or to those of whom it is
   * not sure that they are there.
   */
  | { readonly type: "aggregator_here"; readonly withinMs: number }
  /** To all: how rounds ended, oldest first, at most `mostRoundsTold`; what a page shows. */
  | { readonly type: "rounds_closed"; readonly summaries: readonly RoundSummary[] }
  /** To all: the task is over; null: its last values are not to be had. */
  | { readonly type: "task_over"; readonly reason: string; readonly model: LastModel | null };

/** Where a task that is over has its last values: to be fetched at once, as `exactEncoding`, of this round. */
export interface LastModel {
  readonly round: number;
  readonly version: number;
}

/** Values as they are, float32, without what else travels with them. */
export const exactEncoding = "exact";

/** Rounds in one notice: with their reasons they fit into a message. */
export const mostRoundsTold = 32;

export interface RoundSummary {
  readonly round: number;
  readonly outcome: "committed" | "abandoned" | "carried_over";
  readonly version: number;
  /** Where noise is accounted for, clients are told how many were expected, and of bytes nothing (0). */
  readonly contributions: number;
  readonly samples: number;
  /** Mean loss that the contributors had, weighted by samples; null without contributions. */
  readonly trainingLoss: number | null;
  /** On the aggregator's test split, where it measured; null where it did not. */
  readonly testAccuracy: number | null;
  readonly testLoss: number | null;
  /** SHA-256 of the float32 values. */
  readonly hash: string;
  /** Of its record in the audit log: whoever keeps it is a witness of the log. Empty where it is not known any more. */
  readonly record: string;
  /** Of all clients. */
  readonly bytesDown: number;
  readonly bytesUp: number;
  /** Of differential privacy, so far; null where there is none. */
  readonly epsilon: number | null;
  readonly reason: string;
}
