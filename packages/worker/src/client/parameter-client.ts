/**
 * A worker's view of the whole parameter vector: one exchange for each shard, all in flight at the same time.
 *
 * Bounds       The caller decides how many calls are under way; the training loops have one for each of their gradient
 *              buffers and one pull.
 * Invariants
 *   C1  Contributions are begun one after the other, each with every shard, in the descending order in which a backward
 *       pass ends (servers rely on the former, see "What bounds the memory of a server").
 *   C2  Each push has the next sequence number of its shard; a retry has the number of its first attempt.
 *   C3  A call settles when all of its exchanges have: from then on its buffers are the caller's again.
 */
import type { Clock, Random } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type {
  InitializeReply,
  LinkFactory,
  LinkIdentity,
  Placement,
  PushReply,
  PushRequest,
  ShardPlacement,
  Traffic,
} from "@shoal/protocol";
import type { Contribution, PullTarget, PushPullOutcome, ShardVersions } from "./contribution.ts";
import { createCodedExchanges } from "./coded-exchanges.ts";
import { exchangeIfDue } from "./due-exchange.ts";
import { createExchangeMetrics } from "./exchange-metrics.ts";
import { initializeExchange, pushRequest, type BareExchange } from "./exchanges.ts";
import { createPullTurns } from "./pull-turns.ts";
import { createLinkTable, type LinkTable } from "./link-table.ts";
import { defaultRetrySettings, type RetrySettings } from "./retry-policy.ts";
import { createStagedPush, type StagedPush } from "./staged-push.ts";
import { runExchange, type ExchangeEnvironment } from "./shard-exchange.ts";
import { createTrafficCount } from "./traffic.ts";
import { createVectorCoding, type ClientEncoding, type KeptErrors } from "./vector-coding.ts";
import { createWaitList, type ClientWait } from "./wait-list.ts";

/** Every call fails with the error of its first shard that failed, as `runExchange` words it. */
export interface ParameterClient extends KeptErrors {
  readonly placement: Placement;
  /** Gives the shards their first values. @param values [vector size] float32, borrowed */
  initialize(values: Float32Array): Promise<readonly InitializeReply[]>;
  /** Settles with a version for each shard. */
  pull(target: PullTarget): Promise<ShardVersions>;
  /** Settles with a reply of each shard. */
  push(contribution: Contribution): Promise<readonly PushReply[]>;
  pushPull(contribution: Contribution, target: PullTarget): Promise<PushPullOutcome>;
  /**
   * A push, or push and pull, whose exchanges begin when the caller says that their part of the gradient is final. All
   * must have begun before the next contribution (C1).
   */
  stagedPush(contribution: Contribution, target?: PullTarget): StagedPush;
  /** What the exchanges that have ended moved since the last call. */
  takeTraffic(): Traffic;
  /** Exchanges under way, oldest first. */
  waits(): readonly ClientWait[];
  /**
   * Exchanges with shards that have moved begin again at the new places, with the same sequence numbers and bytes. An older
   * term is ignored.
   * @throws ShoalError layout_mismatch - other ranges
   */
  updatePlacement(placement: Placement): void;
  /** Ends the links; calls under way fail with `cancelled`. Settles when no shard reads a borrowed gradient any more. */
  close(): Promise<void>;
}

export interface ParameterClientOptions {
  readonly identity: LinkIdentity;
  readonly placement: Placement;
  readonly links: LinkFactory;
  readonly clock: Clock;
  /** Spreads the retries. */
  readonly random: Random;
  /** Name of the job, for traces; the run's by default. */
  readonly job?: string;
  readonly retry?: Partial<RetrySettings>;
  /** How vectors are written on their way; float32 by default. Gradients and values must then be in kernel memory. */
  readonly encoding?: ClientEncoding;
  /** Told when a server has answered: told often. */
  readonly reached?: (placement: ShardPlacement) => void;
  /** Told when a server has gone or does not lead a shard: is there a newer placement? May be told often. */
  readonly missed?: (placement: ShardPlacement, error: ShoalError) => void;
}

/** Makes a client of the servers of a placement; it connects when it is first used. */
export function createParameterClient(options: ParameterClientOptions): ParameterClient {
  const { identity, clock, job = identity.run } = options;
  const table = createLinkTable(options.placement, options.links, identity);
  const sequences = options.placement.shards.map(() => 0);
  const coding = createVectorCoding(options.placement, options.encoding);
  const traffic = createTrafficCount();
  const abort = new AbortController();
  const environment = environmentOf(options, table, abort.signal);

  const nextPush = (contribution: Contribution, placement: ShardPlacement, index: number): PushRequest => {
    const sequence = (sequences[index] ?? 0) + 1;
    sequences[index] = sequence; // C2
    return pushRequest(contribution, placement, sequence, contribution.base[index] ?? 0);
  };
  const run = <R>(exchange: BareExchange<R>): Promise<R> => runExchange({ ...exchange, job, identity }, environment);
  const exchanges = createCodedExchanges({
    ...{ clock, coding, traffic, nextPush, run, metrics: environment.metrics, signal: abort.signal },
    placementOf: (index) => table.placement.shards[index],
  });
  const turns = createPullTurns(() => coding.pulled.forget());
  const stagedPush = (contribution: Contribution, target?: PullTarget): StagedPush => {
    const begins = table.placement.shards.map(({ begin }) => begin);
    const push = createStagedPush(begins, (index) => exchangeIfDue(exchanges, index, contribution, target));
    if (target !== undefined) void turns.begin(() => push.outcome).catch(() => undefined);
    return push;
  };
  const wholePush = (contribution: Contribution, target?: PullTarget): Promise<PushPullOutcome> => {
    const push = stagedPush(contribution, target);
    push.begin(0);
    return push.outcome;
  };

  return {
    get placement() {
      return table.placement;
    },
    initialize: (values) =>
      allOf(table.placement.shards.map((placement) => run(initializeExchange(values, placement)))),
    async pull(target) {
      if (turns.idle !== undefined) await turns.idle;
      return turns.begin(() =>
        allOf(table.placement.shards.map((placement, index) => exchanges.pull(target, placement, index))),
      );
    },
    push: async (contribution) => (await wholePush(contribution)).pushed,
    pushPull: wholePush,
    stagedPush,
    takeTraffic: () => traffic.take(),
    ...coding.errors,
    waits: () => environment.waits.list(),
    updatePlacement(placement) {
      // Stamps are those of a primary: the next one has given this worker nothing.
      for (const index of table.update(placement)) coding.pulled.forget(index);
    },
    async close() {
      abort.abort();
      await table.close();
      coding.dispose();
    },
  };
}

function environmentOf(options: ParameterClientOptions, table: LinkTable, signal: AbortSignal): ExchangeEnvironment {
  const { clock, random } = options;
  return {
    clock,
    random,
    settings: { ...defaultRetrySettings, ...options.retry },
    waits: createWaitList(),
    metrics: createExchangeMetrics(),
    signal,
    locate: (shard) => table.locate(shard),
    reached: options.reached ?? (() => undefined),
    missed: options.missed ?? (() => undefined),
  };
}

/** Settles when all have, with the first error if there is one (C3). */
async function allOf<R>(promises: readonly Promise<R>[]): Promise<R[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw ShoalError.from(outcome.reason);
    return outcome.value;
  });
}

/** Tells how long the computing took, now or when it has ended; nothing if it fails. */
