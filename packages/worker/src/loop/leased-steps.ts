/**
 * The batches of a lease, one after the other, in two ways of overlapping.
 *
 * Gated     pull (the bound may hold it) → gradient → push-pull → gradient → … → push. Reads its own writes. With the
 *           job's overlap the push of a shard begins within the gradient, and the next gradient within the pull.
 * Prefetch  the next values are pulled while the gradient is computed, and the push of the last batch is on its way
 *           meanwhile: no waiting, one more step of staleness. Asynchronous mode only.
 */
import type { BatchRange, PushReply } from "@shoal/protocol";
import type { PullTarget } from "../client/contribution.ts";
import type { ComputedIn } from "../client/exchange-kind.ts";
import { beginBatch, overlaps, pushMeanwhile } from "./batch-under-way.ts";
import { createEarlyStart, type EarlyStart } from "./early-start.ts";
import { computeBatch, contributionOf, measuredOf, type LoopPorts, type PulledValues } from "./training-loop.ts";
import type { VectorBuffer } from "./training-buffers.ts";

export interface LeasedSteps {
  /** The worker's clock: batches it has begun. */
  readonly clock: number;
  /**
   * One iteration.
   * @param following the batches of the next one, where it comes at once
   */
  run(batches: BatchRange, following: BatchRange | undefined): Promise<void>;
  /** Settles when every push has been acknowledged, and nothing is computed ahead any more. */
  drain(): Promise<void>;
  /** Values to measure: pulled now. */
  pull(): Promise<PulledValues>;
}

function record(
  { reporter }: LoopPorts,
  clock: number,
  batches: BatchRange,
  replies: readonly PushReply[],
  computed: ComputedIn,
): void {
  reporter.completed(batches);
  reporter.add({ clock, ...measuredOf(computed), replies });
}

function isTooStale(reply: PushReply): boolean {
  return reply.type === "push_rejected" && reply.reason === "too_stale";
}

/**
 * Awaits `work` and adds the time to the worker's waiting.
 * @param ahead a batch that may begin meanwhile: then the waiting is over
 */
async function waited<T>(
  { reporter, clock: time }: LoopPorts,
  clock: number,
  work: Promise<T>,
  ahead?: EarlyStart,
): Promise<T> {
  const startedAtMs = time.now();
  const result = await work;
  reporter.add({ clock, waitMs: Math.max(0, (ahead?.begunAtMs ?? time.now()) - startedAtMs) });
  return result;
}

/** One exchange for each batch; between two calls at most the next batch is under way, from values that have come. */
export function createGatedSteps(ports: LoopPorts, firstClock: number): LeasedSteps {
  const { client, buffers, reporter } = ports;
  let [current, next] = buffers.parameters;
  // Whether to pull is known only after the push then; a pull that the bound holds back would hold the repetition too.
  const mayComeBack = ports.job.staleness["bound"] !== undefined && ports.job.staleness["bound"] !== null;
  let values: PulledValues | undefined;
  let early: EarlyStart | undefined;
  let clock = firstClock;
  const pull = async (): Promise<PulledValues> => {
    const versions = await waited(ports, clock, client.pull({ clock, into: current.values }));
    return { buffer: current, versions };
  };
  /** @returns false when the batch is to be computed again */
  const attempt = async (batches: BatchRange, from: PulledValues, following?: BatchRange): Promise<boolean> => {
    const under = early?.adopt() ?? beginBatch(ports, batches, from);
    const pulls = following !== undefined;
    const ahead = pulls ? startEarly(ports, following, next) : undefined;
    const arrived: PullTarget["arrived"] = (index, version) => ahead?.arrived(index, version);
    const target = { clock: clock + 1, into: next.values, arrived };
    try {
      const { computed, push } = await pushMeanwhile(under, (computing) => {
        const contribution = contributionOf(clock, batches, from, under.gradient, computing);
        return client.stagedPush(contribution, pulls ? target : undefined);
      });
      const { pushed, pulled } = await waited(ports, clock, push.outcome, ahead);
      early = ahead;
      if (pulls) values = { buffer: next, versions: pulled };
      if (pulls) [current, next] = [next, current];
      if (pulls || !pushed.some(isTooStale)) {
        record(ports, clock + 1, batches, pushed, computed);
        return true;
      }
      // Shards that took the gradient know the batch and take no second one.
      const { computeMs, waitMs } = measuredOf(computed);
      reporter.add({ clock, computeMs, waitMs, replies: pushed });
      return false;
    } catch (error) {
      await ahead?.cancel();
      throw error;
    } finally {
      buffers.returnGradient(under.gradient);
    }
  };
  return {
    get clock() {
      return clock;
    },
    async run(batches, following) {
      let isDone = false;
      while (!isDone) {
        const from = values ?? (await pull());
        values = undefined;
        isDone = await attempt(batches, from, mayComeBack ? undefined : following);
      }
      clock += 1;
    },
    async drain() {
      // Begun for a batch that does not follow: this worker leaves.
      await early?.cancel();
      early = undefined;
    },
    pull,
  };
}

/** The beginning of a batch before all of its values are there; each of them may be of its own version. */
function startEarly(ports: LoopPorts, batches: BatchRange, into: VectorBuffer): EarlyStart | undefined {
  return overlaps(ports) ? createEarlyStart(ports, { batches, into, version: undefined }) : undefined;
}

/** Pushes under way at once, and so gradients in use beside the one that is computed. */
const maximumPushes = 1;

/** Pull, compute and push of neighbouring batches at the same time. */
export function createPrefetchingSteps(ports: LoopPorts, firstClock: number): LeasedSteps {
  const { client, buffers } = ports;
  let [current, next] = buffers.parameters;
  let prefetched: Promise<PulledValues> | undefined;
  let clock = firstClock;
  const pushes: Promise<void>[] = [];
  const pullInto = async (buffer: VectorBuffer): Promise<PulledValues> => ({
    buffer,
    versions: await client.pull({ clock, into: buffer.values }),
  });
  const acknowledged = async (
    batches: BatchRange,
    push: Promise<readonly PushReply[]>,
    gradient: VectorBuffer,
    computed: ComputedIn,
  ): Promise<void> => {
    const replies = await push.finally(() => buffers.returnGradient(gradient));
    record(ports, clock, batches, replies, computed);
  };
  const untilPushesAre = async (limit: number): Promise<void> => {
    while (pushes.length > limit) await waited(ports, clock, pushes.shift() ?? Promise.resolve());
  };
  return {
    get clock() {
      return clock;
    },
    async run(batches, following) {
      const from = await waited(ports, clock, prefetched ?? pullInto(current));
      prefetched = following === undefined ? undefined : pullInto(next);
      prefetched?.catch(() => undefined); // awaited by the next batch
      const gradient = buffers.takeGradient();
      const computed = await computeBatch(ports, batches, from, gradient);
      const push = client.push(contributionOf(clock, batches, from, gradient, computed));
      clock += 1;
      const settled = acknowledged(batches, push, gradient, computed);
      settled.catch(() => undefined); // awaited by `untilPushesAre`
      pushes.push(settled);
      await untilPushesAre(maximumPushes);
      [current, next] = [next, current];
    },
    drain: () => untilPushesAre(0),
    pull: () => pullInto(current),
  };
}
