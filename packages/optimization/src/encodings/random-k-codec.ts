/**
 * k elements drawn at random: a seed (uint32), then k values (float32) in the order of their indices, which both ends
 * draw from the seed. The elements are cut into k equal parts and one is drawn from each, so the indices ascend without
 * sorting, and each element is as likely as with k draws from all.
 *
 * Source  Stich, Cordonnier, Jaggi, NeurIPS 2018 (random-k with memory); no factor n/k, because what is not sent is
 *         kept. The seed follows from that of the specification and the draw, here the number of the push's batch.
 */
import type { Codec, CodecSite } from "./codec.ts";
import { sharedCount } from "./encoded-layout.ts";
import { clearPieces, createScatter } from "./scatter.ts";
import { createBits, mixedSeed } from "./seeded-bits.ts";

export function createRandomKCodec(
  spec: { readonly share: number; readonly seed: number },
  { layout, kernels, memory }: CodecSite,
): Codec {
  const count = layout.encodedCount;
  const k = sharedCount(spec.share, count);
  const seedAt = (at: number): Uint32Array => new Uint32Array(memory.memory.buffer, at, 1);
  return {
    encode: {
      kind: "whole",
      run(p, into, draw) {
        const seed = mixedSeed(spec.seed, draw);
        seedAt(into)[0] = seed;
        const [elements, values] = [memory.floats(p, count), memory.floats(into + 4, k)];
        drawIndices(seed, count, k, (index, i) => {
          values[i] = elements[index] ?? 0;
          elements[index] = 0;
        });
      },
    },
    faultOf: (from) => (kernels.allFinite(from + 4, k) ? undefined : "a value is not finite"),
    put(from, into, placement, weight) {
      if (weight === undefined) clearPieces(kernels, into, placement);
      const values = memory.floats(from + 4, k);
      const scatter = createScatter(memory, into, placement, weight ?? 1);
      drawIndices(seedAt(from)[0] ?? 0, count, k, (index, i) => scatter(index, values[i] ?? 0));
    },
    dispose() {},
  };
}

/** Part i is `[⌊i·count/k⌋, ⌊(i + 1)·count/k⌋)`, which is never empty. */
function drawIndices(seed: number, count: number, k: number, visit: (index: number, i: number) => void): void {
  const bits = createBits(seed);
  for (let i = 0, begin = 0; i < k; i++) {
    const end = Math.floor(((i + 1) * count) / k);
    visit(begin + Math.floor((bits() * (end - begin)) / 2 ** 32), i);
    begin = end;
  }
}
