/** One exchange with one shard: attempts with the same request until it succeeds or is given up. */
import type { Attributes } from "@opentelemetry/api";
import type { Clock, Random } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { attributes, type CallOptions, type ParameterLink, type ShardPlacement } from "@shoal/protocol";
import { pause } from "../time/pause.ts";
import type { ExchangeMetrics } from "./exchange-metrics.ts";
import { startExchangeSpans, type ExchangeDescription } from "./exchange-spans.ts";
import type { Route } from "./link-table.ts";
import {
  attemptDeadlineMs,
  decideRetry,
  mayHaveMoved,
  type FailedAttempt,
  type RetrySettings,
} from "./retry-policy.ts";
import type { WaitList } from "./wait-list.ts";

/** What exchanges of one client share. */
export interface ExchangeEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: RetrySettings;
  readonly waits: WaitList;
  readonly metrics: ExchangeMetrics;
  /** Aborted when the client is closed: no attempt follows. */
  readonly signal: AbortSignal;
  /** Where the shard lives now; another place after a new placement. */
  readonly locate: (shard: number) => Route;
  /** Told when a server has answered. */
  readonly reached: (placement: ShardPlacement) => void;
  /** Told when a server has gone, or does not lead the shard: perhaps another one does. */
  readonly missed: (placement: ShardPlacement, error: ShoalError) => void;
}

export interface ShardExchange<R> extends Omit<ExchangeDescription, "placement"> {
  readonly shard: number;
  /** For people: "push_pull of clock 3". */
  readonly what: string;
  readonly call: (link: ParameterLink, options: CallOptions) => Promise<R>;
  /** Attributes of the exchange's span when it succeeded. */
  readonly outcomeOf: (reply: R) => Attributes;
}

/**
 * Runs the exchange to its end.
 * @throws ShoalError with the code of the last attempt's error; names shard, server, attempts and whom the shard waited
 *   for; `cancelled` when the client was closed
 */
export async function runExchange<R>(exchange: ShardExchange<R>, environment: ExchangeEnvironment): Promise<R> {
  const { clock, waits, metrics, signal } = environment;
  const startedAtMs = clock.now();
  const elapsedMs = (): number => clock.now() - startedAtMs;
  const spans = startExchangeSpans({ ...exchange, placement: environment.locate(exchange.shard).placement }, clock);
  const wait = waits.begin({ ...exchange, waiter: exchange.identity.name, sinceMs: startedAtMs });
  try {
    let attemptsHere = 1;
    for (let attempts = 1; ; attempts += 1, attemptsHere += 1) {
      if (signal.aborted) throw new ShoalError("cancelled", `${exchange.what}: the parameter client was closed`);
      const { link, placement, left } = environment.locate(exchange.shard);
      const deadlineMs = attemptDeadlineMs(elapsedMs(), environment.settings);
      wait.attempt(attempts, placement);
      try {
        const reply = await spans.attempt(attempts, () => exchange.call(link, { deadlineMs, signal: left }));
        environment.reached(placement);
        const outcome = exchange.outcomeOf(reply);
        spans.end({ ...outcome, [attributes.attempt]: attempts });
        metrics.ended(exchange.kind, outcome, elapsedMs());
        return reply;
      } catch (thrown) {
        const error = ShoalError.from(thrown);
        wait.failed(error);
        const tried = { attempts, attemptsHere, moved: left.aborted, elapsedMs: elapsedMs(), error };
        const decision = decideAgain(tried, environment);
        if (decision.kind === "give_up") throw giveUp(exchange, placement, error, decision.reason);
        metrics.retried(exchange.kind, error.code);
        if (mayHaveMoved(error) && !left.aborted) environment.missed(placement, error);
        await pause(clock, decision.delayMs, signal, left);
        if (left.aborted) attemptsHere = 0;
      }
    }
  } catch (thrown) {
    const error = ShoalError.from(thrown);
    spans.fail(error);
    metrics.ended(exchange.kind, error.code, elapsedMs());
    throw error;
  } finally {
    wait.end();
  }
}

function decideAgain(
  tried: Omit<FailedAttempt, "jitter">,
  { random, settings }: ExchangeEnvironment,
): ReturnType<typeof decideRetry> {
  return decideRetry({ ...tried, jitter: random.uniform() }, settings);
}

function giveUp<R>(exchange: ShardExchange<R>, placement: ShardPlacement, cause: ShoalError, why: string): ShoalError {
  const { identity, what, shard } = exchange;
  const { node, endpoint } = placement;
  const last = cause.message.replace(/^\[[a-z_]+\] /, "");
  const sentence = `${identity.name} gave up ${what} to shard ${shard} of run ${identity.run} on ${node} (${endpoint}), ${why}: ${last}`;
  return new ShoalError(cause.code, sentence, { ...cause.details, shard, server: node, endpoint }, { cause });
}
