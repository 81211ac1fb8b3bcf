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
  PullReply,
  PushReply,
  PushRequest,
  ShardPlacement,
  Traffic,
} from "@shoal/protocol";
import type { Contribution, PullTarget, PushPullOutcome, ShardVersions } from "./contribution.ts";
import { exchangeIfDue, type DuePorts } from "./due-exchange.ts";
import type { ComputedIn, Computing } from "./exchange-kind.ts";
import { createExchangeMetrics } from "./exchange-metrics.ts";
import {
  initializeExchange,
  pullExchange,
  pushExchange,
  pushPullExchange,
  pushRequest,
  type BareExchange,
} from "./exchanges.ts";
import { createLinkTable } from "./link-table.ts";
import { defaultRetrySettings, type RetrySettings } from "./retry-policy.ts";
import { createStagedPush, type ShardOutcome, type StagedPush } from "./staged-push.ts";
import { runExchange, type ExchangeEnvironment } from "./shard-exchange.ts";
import { createTrafficCount } from "./traffic.ts";
import { createVectorCoding, type ClientEncoding } from "./vector-coding.ts";
import { createWaitList, type ClientWait } from "./wait-list.ts";

/** Every call fails with the error of its first shard that failed, as `runExchange` words it. */
export interface ParameterClient {
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
  /** Later attempts go to the new places. An older term is ignored. @throws ShoalError layout_mismatch - other ranges */
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
}

/** Makes a client of the servers of a placement; it connects when it is first used. */
export function createParameterClient(options: ParameterClientOptions): ParameterClient {
  const { identity, clock, random, job = identity.run } = options;
  const table = createLinkTable(options.placement, options.links, identity);
  const sequences = options.placement.shards.map(() => 0);
  const waits = createWaitList();
  const coding = createVectorCoding(options.placement, options.encoding);
  const traffic = createTrafficCount();
  const abort = new AbortController();
  const environment: ExchangeEnvironment = {
    clock,
    random,
    settings: { ...defaultRetrySettings, ...options.retry },
    waits,
    metrics: createExchangeMetrics(),
    signal: abort.signal,
    locate: (shard) => table.locate(shard),
  };

  const each = <R>(make: (placement: ShardPlacement, index: number) => BareExchange<R>): Promise<R[]> => {
    const begin = (placement: ShardPlacement, index: number): Promise<R> =>
      runExchange({ ...make(placement, index), job, identity }, environment);
    return allOf(table.placement.shards.map(begin));
  };
  const nextPush = (contribution: Contribution, placement: ShardPlacement, index: number): PushRequest => {
    const sequence = (sequences[index] ?? 0) + 1;
    sequences[index] = sequence; // C2
    return pushRequest(contribution, placement, sequence, contribution.base[index] ?? 0);
  };
  const run = <R>(exchange: BareExchange<R>): Promise<R> => runExchange({ ...exchange, job, identity }, environment);
  const arrive = (target: PullTarget, index: number, placement: ShardPlacement, reply: PullReply): number => {
    const into = target.into.subarray(placement.begin, placement.end);
    const bytesAfter = coding.pulled.follow(index, reply, into);
    const moved = {
      direction: "pull",
      encoding: reply.form ?? "whole",
      bytesBefore: into.byteLength,
      bytesAfter,
    } as const;
    traffic.add(moved);
    environment.metrics.moved(moved);
    target.arrived?.(index, reply.version);
    return bytesAfter;
  };
  const exchangeOne = async (index: number, contribution: Contribution, target?: PullTarget): Promise<ShardOutcome> => {
    const placement = table.placement.shards[index];
    if (placement === undefined) throw new RangeError(`there is no shard at position ${index}`);
    if (abort.signal.aborted) throw new ShoalError("cancelled", "the parameter client was closed");
    const startedAtMs = clock.now();
    const coded = coding.encode(index, nextPush(contribution, placement, index));
    let attempts = 0;
    const counted = <R>(exchange: BareExchange<R>): Promise<R> => {
      const call: typeof exchange.call = (link, how) => {
        attempts += 1;
        return exchange.call(link, how);
      };
      return run({ ...exchange, call });
    };
    const outcome: ShardOutcome =
      target === undefined
        ? { push: await counted(pushExchange(contribution, coded)) }
        : await counted(pushPullExchange(contribution, coded, target, placement, coding.pulled.ask(index)));
    const elapsedMs = clock.now() - startedAtMs;
    coded.answered(outcome.push, attempts === 1);
    traffic.add(coded.moved);
    environment.metrics.moved(coded.moved);
    const { pull } = outcome;
    const pulledBytes = target === undefined || pull === undefined ? 0 : arrive(target, index, placement, pull);
    const bytes = coded.moved.bytesAfter + pulledBytes;
    whenComputed(contribution.computed, (computeMs) => coding.observe(index, bytes, elapsedMs, computeMs));
    return outcome;
  };
  const pullOne = async (target: PullTarget, placement: ShardPlacement, index: number): Promise<number> => {
    const reply = await run(pullExchange(target, placement, coding.pulled.ask(index)));
    arrive(target, index, placement, reply);
    return reply.version;
  };
  /** Pulls take turns: each is relative to what the one before has brought. A failed one leaves nothing to rely on. */
  let pulling: Promise<unknown> = Promise.resolve();
  let pullsUnderWay = 0;
  const inTurn = <R>(begin: () => Promise<R>): Promise<R> => {
    pullsUnderWay += 1;
    const result = begin();
    pulling = Promise.allSettled([pulling, result]);
    const ended = (): void => void (pullsUnderWay -= 1);
    result.then(ended, () => {
      ended();
      coding.pulled.forget();
    });
    return result;
  };
  const duePorts: DuePorts = {
    placementOf: (index) => table.placement.shards[index],
    exchange: exchangeOne,
    pull: pullOne,
  };
  const stagedPush = (contribution: Contribution, target?: PullTarget): StagedPush =>
    createStagedPush(
      table.placement.shards.map(({ begin }) => begin),
      (index) => exchangeIfDue(duePorts, index, contribution, target),
    );
  const beginStaged = (contribution: Contribution, target?: PullTarget): StagedPush => {
    const push = stagedPush(contribution, target);
    if (target !== undefined) void inTurn(() => push.outcome).catch(() => undefined);
    return push;
  };
  const wholePush = (contribution: Contribution, target?: PullTarget): Promise<PushPullOutcome> => {
    const push = beginStaged(contribution, target);
    push.begin(0);
    return push.outcome;
  };

  return {
    get placement() {
      return table.placement;
    },
    initialize: (values) => each((placement) => initializeExchange(values, placement)),
    async pull(target) {
      if (pullsUnderWay > 0) await pulling;
      return inTurn(() => allOf(table.placement.shards.map((placement, index) => pullOne(target, placement, index))));
    },
    push: async (contribution) => (await wholePush(contribution)).pushed,
    pushPull: wholePush,
    stagedPush: beginStaged,
    takeTraffic: () => traffic.take(),
    waits: () => waits.list(),
    updatePlacement(placement) {
      if (placement.term > table.placement.term) coding.pulled.forget(); // stamps of another life of the shards
      table.update(placement);
    },
    async close() {
      abort.abort();
      await table.close();
      coding.dispose();
    },
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
function whenComputed(computed: ComputedIn | Computing, tell: (computeMs: number) => void): void {
  const told = ({ startedAtMs, endedAtMs, waitedMs = 0 }: ComputedIn): void => tell(endedAtMs - startedAtMs - waitedMs);
  if ("done" in computed) computed.done.then(told, () => undefined);
  else told(computed);
}
