/**
 * The k elements of greatest magnitude: k indices (int32, ascending, counted in encoded elements), then k values
 * (float32). What is not sent stays whole, so the error is exact.
 *
 * Sources  Stich, Cordonnier, Jaggi, NeurIPS 2018; Lin et al., ICLR 2018, arXiv 1712.01887.
 */
import { topKScratchBytes } from "@shoal/kernels-wasm";
import type { Codec, CodecSite } from "./codec.ts";
import { sharedCount } from "./encoded-layout.ts";
import { clearPieces, createScatter } from "./scatter.ts";

/** @throws ShoalError out_of_memory */
export function createTopKCodec(share: number, { layout, kernels, memory, encodes }: CodecSite): Codec {
  const count = layout.encodedCount;
  const k = sharedCount(share, count);
  const room = encodes ? memory.allocate(topKScratchBytes(count, k)) : undefined;
  const indicesAt = (from: number): Int32Array => new Int32Array(memory.memory.buffer, from, k);
  return {
    encode: {
      kind: "whole",
      run(p, into) {
        kernels.topK(p, count, k, into, into + 4 * k, room?.byteOffset ?? 0, true);
      },
    },
    faultOf(from) {
      let last = -1;
      for (const index of indicesAt(from)) {
        if (index <= last || index >= count) return `index ${index} follows ${last} among ${count} elements`;
        last = index;
      }
      return kernels.allFinite(from + 4 * k, k) ? undefined : "a value is not finite";
    },
    put(from, into, placement, weight) {
      if (weight === undefined) clearPieces(kernels, into, placement);
      const values = memory.floats(from + 4 * k, k);
      const scatter = createScatter(memory, into, placement, weight ?? 1);
      indicesAt(from).forEach((index, i) => scatter(index, values[i] ?? 0));
    },
    dispose() {
      if (room !== undefined) memory.free(room);
    },
  };
}
