/**
 * The vectors of a shard in kernel memory: values, the sum of the step in progress, and the optimiser's slots.
 *
 * Boundary  Arithmetic and memory only; who may push when is decided in consistency.ts.
 * Invariant V1  The result of a step depends on the contributions and their slots alone: sum = Σ nᵢ·gᵢ in slot order
 *           (n = samples), then one scaling by 1/Σn; with aggregation "sum" plainly Σ gᵢ, with "adasum" the tree of
 *           adasum.ts. Kernels are element-wise, so
 *           a vector cut into shards gives the same bits as the whole one (between layers, where the optimiser takes
 *           norms of layers).
 */
import type { KernelMemory, Kernels, Region } from "@shoal/kernels-wasm";
import {
  createCompensation,
  createOptimizer,
  type Compensation,
  type Optimizer,
  type OptimizerSpec,
  type ResolvedStalenessSpec,
  type UpdateRange,
} from "@shoal/optimization";
import type { Aggregation } from "@shoal/protocol";
import { createAdasum, type Adasum, type AdasumSite } from "./adasum.ts";
import { createPushBuffer, type PushBuffer } from "./push-buffer.ts";

export interface ShardVectors {
  readonly optimizer: Optimizer;
  /** Undefined where the delay of stale gradients is not compensated. */
  readonly compensation: Compensation | undefined;
  /** Undefined where every push is applied by itself. */
  readonly buffer: PushBuffer | undefined;
  /** Bytes of kernel memory that this shard holds. */
  readonly bytes: number;
  /** View of the values, [size] float32; not to be kept. */
  values(): Float32Array;
  /** Keeps a copy of the values, of this version, until the next; nothing where former values are not kept. */
  keepFormer(version: number): void;
  /** View of the kept values, [size] float32, if they are of this version; not to be kept. */
  former(version: number): Float32Array | undefined;
  /** Overwrites the values, and forgets the former ones. Borrows `source` [size]. */
  write(source: Float32Array): void;
  /** Byte offset of a gradient that lies in kernel memory, otherwise undefined. */
  offsetOf(gradient: Float32Array): number | undefined;
  /** Σ g²; not finite when an element is not, or when its square is not. */
  squaredNorm(gradient: number): number;
  /** Greatest magnitude; NaN if there is one. */
  maxAbs(gradient: number): number;
  /** Adds one contribution to the sum of the step; one of 0 samples changes nothing. Borrows the gradient. */
  fold(gradient: number, samples: number): void;
  /** Byte offset of the aggregated gradient of the step; undefined when no contribution had samples. Ends the step. */
  finishStep(): number | undefined;
  /**
   * A worker was given values of this version.
   * @param held byte offset of what it has now: with a lossy encoding of pulls not quite the values; borrowed
   * @throws ShoalError out_of_memory
   */
  remember(worker: number, version: number, held: number): void;
  /** Byte offset of the gradient as it is to be applied: compensated where that is asked for. Borrows it. */
  compensate(worker: number, baseVersion: number, gradient: number): number;
  /** View of a gradient, [size] float32; not to be kept. */
  view(gradient: number): Float32Array;
  /** One optimiser step with this gradient, the plain sum of so many. Borrows it. */
  apply(gradient: number, learningRate: number, summed: number): void;
  dispose(): void;
}

export interface VectorOptions {
  readonly size: number;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  readonly optimizer: OptimizerSpec;
  readonly updates: readonly UpdateRange[];
  readonly aggregation: Aggregation;
  /** Contributions that make one synchronous step. */
  readonly slots: number;
  /** False outside synchronous mode: no memory is taken for a sum. */
  readonly sums: boolean;
  /** Whether the values before the newest step are kept: as much memory as the values. */
  readonly keepsFormer: boolean;
  /** Pushes that are applied together outside synchronous mode; 1: each by itself. */
  readonly bufferedPushes: number;
  readonly compensation: ResolvedStalenessSpec["compensation"];
}

/** @throws ShoalError out_of_memory - nothing is taken then */
export function createShardVectors(options: VectorOptions): ShardVectors {
  const { size, kernels, memory } = options;
  const taken: Region[] = [];
  const take = (): Region => {
    const region = memory.allocate(size * 4);
    taken.push(region);
    return region;
  };
  const made: { dispose(): void }[] = [];
  const keep = <T extends { dispose(): void }>(part: T): T => {
    made.push(part);
    return part;
  };
  const dispose = (): void => {
    for (const part of made.splice(0)) part.dispose();
    for (const region of taken.splice(0)) memory.free(region);
  };
  try {
    const values = take();
    const adasum = options.sums && options.aggregation === "adasum" ? keep(createAdasum(treeSite(options))) : undefined;
    const sum = options.sums && adasum === undefined ? take() : undefined;
    const kept = createFormer(values, options.keepsFormer ? take() : undefined, options);
    const capacity = options.bufferedPushes;
    const buffer = capacity > 1 ? keep(createPushBuffer({ capacity, size, kernels, memory })) : undefined;
    const site = { size, kernels, memory, ranges: options.updates };
    const optimizer = keep(createOptimizer(options.optimizer, site));
    const compensator = createCompensation(options.compensation, site);
    const compensation = compensator === undefined ? undefined : keep(compensator);
    const aggregator = adasum === undefined ? createAggregator(options, sum?.byteOffset ?? 0) : treeAggregator(adasum);
    return {
      optimizer,
      compensation,
      buffer,
      get bytes() {
        const parts = [compensation, buffer, adasum].reduce((sum, part) => sum + (part?.bytes ?? 0), 0);
        return taken.length * size * 4 + optimizer.slotBytes + parts;
      },
      values: () => memory.floats(values.byteOffset, size),
      ...kept,
      offsetOf: (gradient) => memory.offsetOf(gradient),
      squaredNorm: (gradient) => kernels.squaredNorm(gradient, size),
      maxAbs: (gradient) => kernels.maxAbs(gradient, size),
      fold: aggregator.fold,
      finishStep: aggregator.finishStep,
      remember: (worker, version, held) => compensation?.remember(worker, version, held),
      compensate: (worker, baseVersion, gradient) =>
        compensation?.compensate(worker, baseVersion, gradient, values.byteOffset) ?? gradient,
      view: (gradient) => memory.floats(gradient, size),
      apply: (gradient, learningRate, summed) => {
        optimizer.step(values.byteOffset, gradient, learningRate, summed);
      },
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

type FormerValues = Pick<ShardVectors, "keepFormer" | "former" | "write">;

/** @param region undefined: former values are not kept */
function createFormer(values: Region, region: Region | undefined, options: VectorOptions): FormerValues {
  const { size, kernels, memory } = options;
  let kept = -1;
  return {
    keepFormer(version) {
      if (region === undefined) return;
      kernels.copy(values.byteOffset, region.byteOffset, size);
      kept = version;
    },
    former: (version) =>
      region === undefined || version !== kept ? undefined : memory.floats(region.byteOffset, size),
    write(source) {
      kept = -1;
      memory.floats(values.byteOffset, size).set(source);
    },
  };
}

function treeSite({ size, slots, updates, kernels, memory }: VectorOptions): AdasumSite {
  return { size, slots, ranges: updates, kernels, memory };
}

type Aggregator = Pick<ShardVectors, "fold" | "finishStep">;

/** Contributions without samples have no place in the tree. */
function treeAggregator(tree: Adasum): Aggregator {
  return {
    fold(gradient, samples) {
      if (samples > 0) tree.fold(gradient, samples);
    },
    finishStep: () => tree.finish(),
  };
}

function createAggregator(options: VectorOptions, sum: number): Aggregator {
  const { size, kernels, aggregation } = options;
  let samplesFolded = 0;
  return {
    fold(gradient, samples) {
      if (samples === 0) return;
      const weight = aggregation === "mean" ? samples : 1;
      if (samplesFolded === 0) kernels.scaleInto(gradient, sum, size, weight);
      else kernels.axpy(gradient, sum, size, weight);
      samplesFolded += samples;
    },
    finishStep() {
      const samples = samplesFolded;
      samplesFolded = 0;
      if (samples === 0) return undefined;
      if (aggregation === "mean") kernels.scale(sum, size, 1 / samples);
      return sum;
    },
  };
}
