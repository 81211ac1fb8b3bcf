/**
 * The batches of a lease, one after the other, in two ways of overlapping.
 *
 * Gated     pull (the bound may hold it) → gradient → push-pull → gradient → … → push. Reads its own writes.
 * Prefetch  the next values are pulled while the gradient is computed, and the push of the last batch is on its way
 *           meanwhile: no waiting, one more step of staleness. Asynchronous mode only.
 */
import type { PushReply } from "@shoal/protocol";
import type { ComputedIn } from "../client/exchange-kind.ts";
import { computeBatch, contributionOf, type LoopPorts, type PulledValues } from "./training-loop.ts";
import type { VectorBuffer } from "./training-buffers.ts";

export interface LeasedSteps {
  /** The worker's clock: batches it has begun. */
  readonly clock: number;
  /** @param hasNext whether another batch follows at once */
  run(batch: number, hasNext: boolean): Promise<void>;
  /** Settles when every push has been acknowledged. */
  drain(): Promise<void>;
  /** Values to measure: pulled now. */
  pull(): Promise<PulledValues>;
}

function record(
  { reporter }: LoopPorts,
  clock: number,
  batch: number,
  replies: readonly PushReply[],
  computed: ComputedIn,
): void {
  const { loss, samples, startedAtMs, endedAtMs } = computed;
  reporter.completed({ begin: batch, end: batch + 1 });
  reporter.add({ clock, loss, samples, computeMs: endedAtMs - startedAtMs, replies });
}

function isTooStale(reply: PushReply): boolean {
  return reply.type === "push_rejected" && reply.reason === "too_stale";
}

/** Awaits `work` and adds the time to the worker's waiting. */
async function waited<T>({ reporter, clock: time }: LoopPorts, clock: number, work: Promise<T>): Promise<T> {
  const startedAtMs = time.now();
  const result = await work;
  reporter.add({ clock, waitMs: time.now() - startedAtMs });
  return result;
}

/** One exchange for each batch; nothing is on its way between two calls. */
export function createGatedSteps(ports: LoopPorts, firstClock: number): LeasedSteps {
  const { client, buffers, reporter } = ports;
  const [buffer] = buffers.parameters;
  // Whether to pull is known only after the push then; a pull that the bound holds back would hold the repetition too.
  const mayComeBack = ports.job.staleness["bound"] !== undefined && ports.job.staleness["bound"] !== null;
  let values: PulledValues | undefined;
  let clock = firstClock;
  const pull = async (): Promise<PulledValues> => {
    const versions = await waited(ports, clock, client.pull({ clock, into: buffer.values }));
    return { buffer, versions };
  };
  return {
    get clock() {
      return clock;
    },
    async run(batch, hasNext) {
      const gradient = buffers.takeGradient();
      for (;;) {
        const from = values ?? (await pull());
        values = undefined;
        const computed = await computeBatch(ports, batch, from, gradient);
        const contribution = contributionOf(clock, batch, from, gradient, computed);
        if (hasNext && !mayComeBack) {
          const both = client.pushPull(contribution, { clock: clock + 1, into: buffer.values });
          const { pushed, pulled } = await waited(ports, clock, both);
          values = { buffer, versions: pulled };
          record(ports, clock + 1, batch, pushed, computed);
          break;
        }
        const replies = await waited(ports, clock, client.push(contribution));
        if (!replies.some(isTooStale)) {
          record(ports, clock + 1, batch, replies, computed);
          break;
        }
        // Shards that took the gradient know the batch and take no second one.
        reporter.add({ clock, computeMs: computed.endedAtMs - computed.startedAtMs, replies });
      }
      clock += 1;
      buffers.returnGradient(gradient);
    },
    drain: () => Promise.resolve(),
    pull,
  };
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
    batch: number,
    push: Promise<readonly PushReply[]>,
    gradient: VectorBuffer,
    computed: ComputedIn,
  ): Promise<void> => {
    const replies = await push.finally(() => buffers.returnGradient(gradient));
    record(ports, clock, batch, replies, computed);
  };
  const untilPushesAre = async (limit: number): Promise<void> => {
    while (pushes.length > limit) await waited(ports, clock, pushes.shift() ?? Promise.resolve());
  };
  return {
    get clock() {
      return clock;
    },
    async run(batch, hasNext) {
      const from = await waited(ports, clock, prefetched ?? pullInto(current));
      prefetched = hasNext ? pullInto(next) : undefined;
      prefetched?.catch(() => undefined); // awaited by the next batch
      const gradient = buffers.takeGradient();
      const computed = await computeBatch(ports, batch, from, gradient);
      const push = client.push(contributionOf(clock, batch, from, gradient, computed));
      clock += 1;
      const settled = acknowledged(batch, push, gradient, computed);
      settled.catch(() => undefined); // awaited by `untilPushesAre`
      pushes.push(settled);
      await untilPushesAre(maximumPushes);
      [current, next] = [next, current];
    },
    drain: () => untilPushesAre(0),
    pull: () => pullInto(current),
  };
}
