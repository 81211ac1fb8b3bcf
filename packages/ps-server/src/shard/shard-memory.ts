/** All that a shard holds in kernel memory: taken together, given back together. */
import { sizeOf, synchronousSteps } from "@shoal/protocol";
import { createGivenValues, type GivenValues } from "./given-values.ts";
import { createGradientCodec, type GradientCodec } from "./gradient-codec.ts";
import type { ShardOptions } from "./shard-state.ts";
import { createShardVectors, type ShardVectors } from "./shard-vectors.ts";

export interface ShardMemory {
  readonly vectors: ShardVectors;
  readonly codec: GradientCodec;
  readonly given: GivenValues;
  dispose(): void;
}

/** @throws ShoalError out_of_memory - nothing is taken then */
export function takeShardMemory(options: ShardOptions): ShardMemory {
  const { kernels, memory, optimizer, updates, aggregation, slots, consistency, encoding } = options;
  const size = sizeOf(options.range);
  // A synchronous step is never stale.
  const none = { name: "none" } as const;
  const made: { dispose(): void }[] = [];
  const keep = <T extends { dispose(): void }>(part: T): T => {
    made.push(part);
    return part;
  };
  const dispose = (): void => {
    for (const part of made.splice(0)) part.dispose();
  };
  const site = { size, kernels, memory, ...encoding.layout };
  try {
    const vectors = createShardVectors({
      ...{ size, kernels, memory, optimizer, updates, aggregation, slots },
      sums: synchronousSteps(consistency) > 0,
      keepsFormer: options.keepFormer && synchronousSteps(consistency) > 0,
      bufferedPushes: consistency.mode === "asynchronous" ? (consistency.buffer ?? 1) : 1,
      compensation: consistency.mode === "synchronous" ? none : options.staleness.compensation,
    });
    return {
      vectors: keep(vectors),
      codec: keep(createGradientCodec(encoding.push, site)),
      given: keep(createGivenValues(encoding.pull, site, options.firstStamp)),
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
