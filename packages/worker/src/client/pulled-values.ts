/**
 * What a client has of each shard, so that it need not be sent again: where the newest values lie, and their stamp.
 *
 * Invariants
 *   P1  What a stamp stands for lies unchanged in the buffer of the newest pull: nobody writes to pulled values, and one
 *       pull at a time is under way.
 *   P2  A pull that failed may have written to its buffer: after it this client has nothing.
 *   P3  Stamps are those of one primary. What was asked of a shard before it moved is followed, but leaves no stamp behind.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { createDecoder, type ConcreteEncodingSpec, type Decoder, type EncodingLayout } from "@shoal/optimization";
import type { PullReply } from "@shoal/protocol";

export interface PulledParts {
  /** A pull of one shard, however often it is attempted. */
  open(index: number): PartPull;
  /** What the pulls of a shard brought; of all shards when none is named. */
  forget(index?: number): void;
  dispose(): void;
}

export interface PartPull {
  /** For one attempt: stamp of what this client has of the shard, and room for a difference to it. */
  ask(): { readonly have: number; readonly difference: Float32Array | undefined };
  /**
   * Follows the reply to the last attempt: afterwards `into` holds the values.
   * @returns bytes that came
   */
  follow(reply: PullReply, into: Float32Array): number;
}

export interface PulledPartsOptions {
  readonly spec: ConcreteEncodingSpec;
  readonly layouts: readonly EncodingLayout[];
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

interface Part {
  stamp: number;
  newest: Float32Array | undefined;
  /** Counts the times that it was forgotten. */
  life: number;
}

const nothing = { stamp: 0, newest: undefined } as const;

/** @param options undefined: values come whole, or not at all. @throws ShoalError out_of_memory */
export function createPulledParts(shards: number, options: PulledPartsOptions | undefined): PulledParts {
  const parts = Array.from({ length: shards }, (): Part => ({ ...nothing, life: 0 }));
  const differences = options?.spec.name === "float32" ? undefined : options && createDifferences(options);
  return {
    open(index) {
      const part = parts[index];
      if (part === undefined) throw new ShoalError("internal", `shard ${index} of ${parts.length} is not placed`);
      return openPull(index, part, differences?.[index]);
    },
    forget(index) {
      for (const part of index === undefined ? parts : parts.slice(index, index + 1)) {
        Object.assign(part, { ...nothing, life: part.life + 1 });
      }
    },
    dispose() {
      for (const difference of differences?.splice(0) ?? []) difference.dispose();
    },
  };
}

function openPull(index: number, part: Part, difference: Difference | undefined): PartPull {
  let asked = { ...part };
  return {
    ask() {
      asked = { ...part };
      return { have: asked.stamp, difference: difference?.view };
    },
    follow({ form, stamp = 0 }, into) {
      const { newest, life } = asked;
      if (form !== undefined) {
        if (newest === undefined)
          throw new ShoalError("internal", `shard ${index} answers "${form}" to who has nothing`);
        if (!isSame(newest, into)) into.set(newest);
      }
      if (form === "difference") difference?.addTo(into);
      if (life === part.life) Object.assign(part, { stamp, newest: into }); // P3
      if (form === "unchanged") return 0;
      return form === "difference" ? (difference?.view.byteLength ?? 0) : into.byteLength;
    },
  };
}

function isSame(a: Float32Array, b: Float32Array): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}

interface Difference {
  readonly view: Float32Array;
  addTo(values: Float32Array): void;
  dispose(): void;
}

function createDifferences({ spec, layouts, kernels, memory }: PulledPartsOptions): Difference[] {
  const made: Difference[] = [];
  try {
    for (const layout of layouts)
      made.push(createDifference(createDecoder(spec, { ...layout, kernels, memory }), memory));
    return made;
  } catch (error) {
    for (const difference of made) difference.dispose();
    throw error;
  }
}

function createDifference(decoder: Decoder, memory: KernelMemory): Difference {
  const region = memory.allocate(decoder.bytes);
  const view = memory.floats(region.byteOffset, decoder.bytes / 4);
  return {
    view,
    addTo(values) {
      const offset = memory.offsetOf(values);
      if (offset === undefined) throw new ShoalError("internal", "differences are added in kernel memory only");
      decoder.accumulate(region.byteOffset, decoder.bytes, offset, 1);
    },
    dispose() {
      decoder.dispose();
      memory.free(region);
    },
  };
}
