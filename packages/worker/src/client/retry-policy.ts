/** Whether a failed exchange is tried again, and after how long. */
import { errorTable, type ErrorCode, type ShoalError } from "@shoal/errors";

export interface RetrySettings {
  /** Time from the first attempt after which the exchange is given up: 60,000 ms. */
  readonly giveUpMs: number;
  /** Deadline of one attempt: 10,000 ms. */
  readonly attemptMs: number;
  /** Delay before the second attempt: 20 ms; it doubles with each attempt. */
  readonly initialBackoffMs: number;
  /** Largest delay between two attempts: 1,000 ms. */
  readonly maximumBackoffMs: number;
  /** The same while nobody leads the shard: 200 ms. Another server may take it over at any moment. */
  readonly maximumLeaderlessMs: number;
}

export const defaultRetrySettings: RetrySettings = {
  giveUpMs: 60_000,
  attemptMs: 10_000,
  initialBackoffMs: 20,
  maximumBackoffMs: 1_000,
  maximumLeaderlessMs: 200,
};

/** What an exchange fails with where the server of the placement is gone, or leads the shard no more or not yet. */
const leaderless: ReadonlySet<ErrorCode> = new Set([
  "not_primary",
  "stale_term",
  "unknown_shard",
  "transport_lost",
  "actor_not_found",
  "actor_stopped",
]);

/** True where another server may lead the shard. A server that is silent for a whole attempt may be gone too. */
export function mayHaveMoved({ code }: ShoalError): boolean {
  return leaderless.has(code) || code === "deadline_exceeded";
}

export interface FailedAttempt {
  /** Attempts made so far, from 1. */
  readonly attempts: number;
  /** Those of them at the server where the shard is now, from 1. */
  readonly attemptsHere: number;
  /** The shard has moved to another server meanwhile. */
  readonly moved: boolean;
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
  const { attempts, attemptsHere, moved, elapsedMs, error, jitter } = attempt;
  // A call that a move has ended may say whatever the end of its link made of it. One that is cancelled was so by the
  // shard, to which an earlier attempt came late, as a repetition: the end of this client is looked at before each attempt.
  if (errorTable[error.code].retry === "never" && error.code !== "cancelled" && !moved) {
    return { kind: "give_up", reason: `${error.code} cannot succeed later` };
  }
  const leftMs = settings.giveUpMs - elapsedMs;
  if (leftMs <= 0) {
    return { kind: "give_up", reason: `${attempts} attempts in ${(elapsedMs / 1000).toFixed(1)} s` };
  }
  if (moved) return { kind: "retry", delayMs: 0, reason: `the shard has moved during attempt ${attempts}` };
  const maximumMs = leaderless.has(error.code) ? settings.maximumLeaderlessMs : settings.maximumBackoffMs;
  const backoffMs = Math.min(maximumMs, settings.initialBackoffMs * 2 ** Math.min(attemptsHere - 1, 30));
  const delayMs = Math.min(leftMs, backoffMs * (0.5 + jitter / 2));
  return { kind: "retry", delayMs, reason: `${error.code} in attempt ${attempts}` };
}

/** Deadline of the next attempt: never beyond the end of the whole exchange, and at least 1 ms. */
export function attemptDeadlineMs(elapsedMs: number, settings: RetrySettings): number {
  return Math.max(1, Math.min(settings.attemptMs, settings.giveUpMs - elapsedMs));
}
