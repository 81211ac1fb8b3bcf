/**
 * What a client has of each shard, so that it need not be sent again: where the newest values lie, and their stamp.
 *
 * Invariants
 *   P1  What a stamp stands for lies unchanged in the buffer of the newest pull: nobody writes to pulled values, and one
 *       pull at a time is under way.
 *   P2  A pull that failed may have written to its buffer: after it this client has nothing.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { createDecoder, type ConcreteEncodingSpec, type Decoder, type EncodingLayout } from "@shoal/optimization";
import type { PullReply } from "@shoal/protocol";

export interface PulledParts {
  /** Stamp of what this client has of the shard, and room for a difference to it. */
  ask(index: number): { readonly have: number; readonly difference: Float32Array | undefined };
  /**
   * Follows a reply: afterwards `into` holds the values.
   * @returns bytes that came
   */
  follow(index: number, reply: PullReply, into: Float32Array): number;
  /** Of all shards. */
  forget(): void;
  dispose(): void;
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
}

/** @param options undefined: values come whole, or not at all. @throws ShoalError out_of_memory */
export function createPulledParts(shards: number, options: PulledPartsOptions | undefined): PulledParts {
  const parts = Array.from({ length: shards }, (): Part => ({ stamp: 0, newest: undefined }));
  const differences = options?.spec.name === "float32" ? undefined : options && createDifferences(options);
  return {
    ask: (index) => ({ have: parts[index]?.stamp ?? 0, difference: differences?.[index]?.view }),
    follow(index, reply, into) {
      const part = parts[index];
      const { form, stamp = 0 } = reply;
      if (part === undefined) throw new ShoalError("internal", `shard ${index} of ${parts.length} is not placed`);
      if (form !== undefined) {
        const { newest } = part;
        if (newest === undefined)
          throw new ShoalError("internal", `shard ${index} answers "${form}" to who has nothing`);
        if (!isSame(newest, into)) into.set(newest);
      }
      const difference = differences?.[index];
      if (form === "difference") difference?.addTo(into);
      part.stamp = stamp;
      part.newest = into;
      if (form === "unchanged") return 0;
      return form === "difference" ? (difference?.view.byteLength ?? 0) : into.byteLength;
    },
    forget() {
      for (const part of parts) Object.assign(part, { stamp: 0, newest: undefined });
    },
    dispose() {
      for (const difference of differences?.splice(0) ?? []) difference.dispose();
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
