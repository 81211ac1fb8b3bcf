/** A batch whose gradient is being computed, and may leave shard by shard as it becomes final. */
import { ShoalError } from "@shoal/errors";
import type { BatchRange } from "@shoal/protocol";
import type { Computing, ComputedIn } from "../client/exchange-kind.ts";
import type { StagedPush } from "../client/staged-push.ts";
import type { GradientOverlap } from "../compute/compute-port.ts";
import { computeBatch, type LoopPorts, type PulledValues } from "./training-loop.ts";
import type { VectorBuffer } from "./training-buffers.ts";

export interface BatchUnderWay {
  readonly batches: BatchRange;
  readonly gradient: VectorBuffer;
  readonly done: Promise<ComputedIn>;
  /** Tells the listener, now and later, that the gradient of all keys ≥ `key` is final. At most one listener. */
  watch(listener: (key: number, computing: Computing) => void): void;
}

/**
 * Begins to compute a batch.
 * @param values its buffer is borrowed until `done`
 * @param gated the values are still arriving: see `ForwardGate`
 */
export function beginBatch(
  ports: LoopPorts,
  batches: BatchRange,
  values: Pick<PulledValues, "buffer">,
  gated = false,
): BatchUnderWay {
  const gradient = ports.buffers.takeGradient();
  let newest: { readonly key: number; readonly computing: Computing } | undefined;
  let listener: ((key: number, computing: Computing) => void) | undefined;
  const final: GradientOverlap["final"] = (key, begun) => {
    newest = { key, computing: { ...begun, done } };
    listener?.(key, newest.computing);
  };
  const cuts = ports.client.placement.shards.map((shard) => shard.begin);
  const overlap = overlaps(ports) ? { gated, cuts, final } : undefined;
  const done = computeBatch(ports, batches, values, gradient, overlap);
  return {
    batches,
    gradient,
    done,
    watch(told) {
      listener = told;
      if (newest !== undefined) told(newest.key, newest.computing);
    },
  };
}

/**
 * Pushes a batch under way as its gradient becomes final.
 * @param start makes the push, once; told how far the computing is
 * @returns when everything has been computed and every exchange has begun
 */
export async function pushMeanwhile(
  under: BatchUnderWay,
  start: (computed: ComputedIn | Computing) => StagedPush,
): Promise<{ readonly computed: ComputedIn; readonly push: StagedPush }> {
  let push: StagedPush | undefined;
  under.watch((key, computing) => {
    push ??= start(computing);
    push.begin(key);
  });
  try {
    const computed = await under.done;
    push ??= start(computed);
    push.begin(0);
    return { computed, push };
  } catch (error) {
    push?.abandon(ShoalError.from(error));
    throw error;
  }
}

/** Whether exchanges go on while a gradient is computed: the job wants it, and the computing runs beside this thread. */
export function overlaps({ job, compute }: Pick<LoopPorts, "job" | "compute">): boolean {
  return job.overlap && compute.gate !== undefined;
}
