/**
 * Pushes that are applied together (asynchronous mode with a buffer): their mean, each weighted by its staleness.
 *
 *   g = (1/K) Σ s(τᵢ)·gᵢ
 *
 * over the K pushes of a buffer, the staleness counted when each comes: in versions, of which a full buffer makes one.
 *
 * Bounds   One vector; K pushes' headers.
 * Sources  Zhang, Gupta, Lian, Liu, IJCAI 2016 (n-softsync, arXiv 1511.05950); Nguyen et al., AISTATS 2022 (FedBuff,
 *          arXiv 2106.06639).
 */
import type { KernelMemory, Kernels, Offset, Region } from "@shoal/kernels-wasm";
import type { UpdateRecord } from "@shoal/protocol";

type Contribution = UpdateRecord["contributions"][number];

/** The pushes in a buffer as plain data. */
export interface PushBufferSnapshot {
  /** [size] float32. */
  readonly sum: Float32Array;
  /** Pushes in the sum that had samples. */
  readonly summed: number;
  readonly contributions: readonly Contribution[];
}

export interface PushBuffer {
  /** Pushes that one update consists of. */
  readonly capacity: number;
  readonly bytes: number;
  readonly isFull: boolean;
  /** Takes in one push. @param gradient - [size], borrowed; undefined for a push without samples */
  add(contribution: Contribution, gradient: Offset | undefined, weight: number): void;
  /** The mean, which stands until the next `add`, and whose it is. Empties the buffer. */
  take(): { readonly gradient: Offset | undefined; readonly contributions: readonly Contribution[] };
  snapshot(): PushBufferSnapshot;
  /** @throws RangeError when the snapshot does not fit */
  check(snapshot: unknown): void;
  /** @throws RangeError when the snapshot does not fit; nothing is changed then */
  restore(snapshot: unknown): void;
  dispose(): void;
}

export interface PushBufferSite {
  readonly capacity: number;
  readonly size: number;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

/** @throws ShoalError out_of_memory */
export function createPushBuffer({ capacity, size, kernels, memory }: PushBufferSite): PushBuffer {
  const region: Region = memory.allocate(size * 4);
  const sum = region.byteOffset;
  let contributions: Contribution[] = [];
  let summed = 0;
  return {
    capacity,
    bytes: size * 4,
    get isFull() {
      return contributions.length >= capacity;
    },
    add(contribution, gradient, weight) {
      contributions.push(contribution);
      if (gradient === undefined) return;
      if (summed === 0) kernels.scaleInto(gradient, sum, size, weight);
      else kernels.axpy(gradient, sum, size, weight);
      summed += 1;
    },
    take() {
      const taken = { gradient: summed === 0 ? undefined : sum, contributions };
      if (summed > 0) kernels.scale(sum, size, 1 / summed);
      contributions = [];
      summed = 0;
      return taken;
    },
    snapshot: () => ({ sum: memory.floats(sum, size).slice(), summed, contributions: [...contributions] }),
    check: (snapshot) => void checkSnapshot(snapshot, size, capacity),
    restore(snapshot) {
      const found = checkSnapshot(snapshot, size, capacity);
      memory.floats(sum, size).set(found.sum);
      summed = found.summed;
      contributions = [...found.contributions];
    },
    dispose: () => memory.free(region),
  };
}

function checkSnapshot(snapshot: unknown, size: number, capacity: number): PushBufferSnapshot {
  const { sum, summed, contributions } = Object(snapshot) as Partial<PushBufferSnapshot>;
  if (!(sum instanceof Float32Array) || sum.length !== size) {
    throw new RangeError(`its buffer does not hold the sum of the ${size} values`);
  }
  if (!Array.isArray(contributions) || contributions.length >= capacity) {
    throw new RangeError(`its buffer is not of fewer than ${capacity} pushes`);
  }
  if (!Number.isSafeInteger(summed) || (summed as number) < 0 || (summed as number) > contributions.length) {
    throw new RangeError(`its buffer says that ${summed} pushes are in the sum`);
  }
  return snapshot as PushBufferSnapshot;
}
