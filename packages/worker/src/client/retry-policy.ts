/** Whether a failed exchange is tried again, and after how long. */
import { errorTable, type ShoalError } from "@shoal/errors";

export interface RetrySettings {
  /** Time from the first attempt after which the exchange is given up: 60,000 ms. */
  readonly giveUpMs: number;
  /** Deadline of one attempt: 10,000 ms. */
  readonly attemptMs: number;
  /** Delay before the second attempt: 20 ms; it doubles with each attempt. */
  readonly initialBackoffMs: number;
  /** Largest delay between two attempts: 1,000 ms. */
  readonly maximumBackoffMs: number;
}

export const defaultRetrySettings: RetrySettings = {
  giveUpMs: 60_000,
  attemptMs: 10_000,
  initialBackoffMs: 20,
  maximumBackoffMs: 1_000,
};

export interface FailedAttempt {
  /** Attempts made so far, from 1. */
  readonly attempts: number;
  /** Since the first attempt began. */
  readonly elapsedMs: number;
  readonly error: ShoalError;
  /** Random, uniform in [0, 1): spreads workers that lost the same server. */
  readonly jitter: number;
}

export type RetryDecision =
  | { readonly kind: "retry"; readonly delayMs: number; readonly reason: string }
  | { readonly kind: "give_up"; readonly reason: string };

/**
 * Decides by the error table: what can never succeed is given up at once, the rest when the time is over. Errors that
 * ask for a rejoin are retried too: the shard learns of a member, and the client of a placement, a little later.
 */
export function decideRetry(attempt: FailedAttempt, settings: RetrySettings): RetryDecision {
  const { attempts, elapsedMs, error, jitter } = attempt;
  if (errorTable[error.code].retry === "never") {
    return { kind: "give_up", reason: `${error.code} cannot succeed later` };
  }
  const leftMs = settings.giveUpMs - elapsedMs;
  if (leftMs <= 0) {
    return { kind: "give_up", reason: `${attempts} attempts in ${(elapsedMs / 1000).toFixed(1)} s` };
  }
  const backoffMs = Math.min(settings.maximumBackoffMs, settings.initialBackoffMs * 2 ** Math.min(attempts - 1, 30));
  const delayMs = Math.min(leftMs, backoffMs * (0.5 + jitter / 2));
  return { kind: "retry", delayMs, reason: `${error.code} in attempt ${attempts}` };
}

/** Deadline of the next attempt: never beyond the end of the whole exchange, and at least 1 ms. */
export function attemptDeadlineMs(elapsedMs: number, settings: RetrySettings): number {
  return Math.max(1, Math.min(settings.attemptMs, settings.giveUpMs - elapsedMs));
}
