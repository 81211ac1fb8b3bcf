/** What lossy pushes make of the gradients of one plain loop: an encoder for each slot and key range, one gradient after the other. */
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { createDecoder, createEncoder, parseEncodingSpec } from "@shoal/optimization";
import type { JobSpec, KeyRange } from "@shoal/protocol";

export interface PlainEncoding {
  /** Replaces a slot's gradient of a batch by what servers read of it. */
  send(slot: number, batch: number, gradient: number): void;
  dispose(): void;
}

/** @param ranges of the shards; matrices of PowerSGD are not known here @returns undefined for float32 */
export function createPlainEncoding(
  { encoding }: JobSpec,
  ranges: readonly KeyRange[],
  { kernels, memory }: { readonly kernels: Kernels; readonly memory: KernelMemory },
): PlainEncoding | undefined {
  const spec = parseEncodingSpec(encoding.push);
  if (spec.name === "float32" || spec.name === "auto") return undefined;
  const encoders = new Map<string, ReturnType<typeof createEncoder>>();
  const decoders = ranges.map(({ begin, end }) => createDecoder(spec, { size: end - begin, kernels, memory }));
  const payload = memory.allocate(Math.max(...decoders.map(({ bytes }) => bytes)) + 16);
  return {
    send(slot, batch, gradient) {
      for (const [index, { begin, end }] of ranges.entries()) {
        const key = `${slot} ${begin}`;
        const encoder = encoders.get(key) ?? createEncoder(spec, { size: end - begin, kernels, memory });
        encoders.set(key, encoder);
        const at = gradient + 4 * begin;
        encoder.encode(at, payload.byteOffset, batch);
        decoders[index]?.decode(payload.byteOffset, encoder.bytes, at);
      }
    },
    dispose() {
      for (const end of [...encoders.values(), ...decoders]) end.dispose();
      memory.free(payload);
    },
  };
}
