/**
 * Encodings of whole vectors, by name, without memory between two vectors: what a federated client lacks of one round it
 * does not get in the next, because it may not be in it.
 *
 * Bounds  scratch for one vector and its bytes, taken when first used.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels, Region } from "@shoal/kernels-wasm";
import { createDecoder } from "./create-decoder.ts";
import { createEncoder } from "./create-encoder.ts";
import { encodedBytes } from "./encoded-layout.ts";
import { parseEncodingSpec, type ConcreteEncodingSpec } from "./encoding-spec.ts";
import type { EncodingLayout } from "./encoding.ts";

export interface VectorCodecs {
  /** Elements of every vector. */
  readonly size: number;
  /** Bytes of a vector in this encoding; undefined for one that the task does not have. */
  bytesOf(encoding: string): number | undefined;
  /** @param values - [size] float32, borrowed @throws ShoalError not_finite */
  encode(encoding: string, values: Float32Array): Uint8Array;
  /** @param into - [size] float32, overwritten @throws ShoalError codec_failed - nothing is changed then */
  decode(encoding: string, content: Uint8Array, into: Float32Array): void;
  dispose(): void;
}

export interface CodecEnvironment {
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

const floatBytes = Float32Array.BYTES_PER_ELEMENT;

/**
 * @param encodings - that the task has, by the name under which they are agreed on
 * @throws ShoalError invalid_argument - for an encoding that needs memory between vectors, or is chosen on the way
 */
export function createVectorCodecs(
  encodings: Readonly<Record<string, unknown>>,
  layout: EncodingLayout,
  { kernels, memory }: CodecEnvironment,
): VectorCodecs {
  const { size } = layout;
  const specs = new Map<string, ConcreteEncodingSpec>();
  for (const [name, value] of Object.entries(encodings)) specs.set(name, parseConcrete(value, name));
  const site = { ...layout, kernels, memory };
  const scratch = createScratch(size, memory);
  const specOf = (name: string): ConcreteEncodingSpec => {
    const spec = specs.get(name);
    if (spec !== undefined) return spec;
    throw new ShoalError("codec_failed", `the task has no encoding ${name}`, { field: "encoding" });
  };
  return {
    size,
    bytesOf(name) {
      const spec = specs.get(name);
      return spec === undefined ? undefined : encodedBytes(spec, layout);
    },
    encode(name, values) {
      const encoder = createEncoder(specOf(name), site);
      try {
        const places = scratch.places(name, encoder.bytes);
        memory.floats(places.floats.byteOffset, size).set(values);
        encoder.encode(places.floats.byteOffset, places.bytes.byteOffset, 0);
        return new Uint8Array(memory.memory.buffer, places.bytes.byteOffset, encoder.bytes).slice();
      } finally {
        encoder.dispose();
      }
    },
    decode(name, content, into) {
      const decoder = createDecoder(specOf(name), site);
      try {
        if (content.length !== decoder.bytes) {
          const sentence = `${content.length} bytes of ${name}, expected ${decoder.bytes}`;
          throw new ShoalError("codec_failed", sentence, { field: "content" });
        }
        const places = scratch.places(name, decoder.bytes);
        new Uint8Array(memory.memory.buffer, places.bytes.byteOffset, content.length).set(content);
        decoder.decode(places.bytes.byteOffset, content.length, places.floats.byteOffset);
        into.set(memory.floats(places.floats.byteOffset, size));
      } finally {
        decoder.dispose();
      }
    },
    dispose: () => scratch.free(),
  };
}

interface Scratch {
  /** Room for a vector, and for its bytes in an encoding. */
  places(encoding: string, bytes: number): { readonly floats: Region; readonly bytes: Region };
  free(): void;
}

function createScratch(size: number, memory: KernelMemory): Scratch {
  let vector: Region | undefined;
  const encoded = new Map<string, Region>();
  return {
    places(encoding, count) {
      vector ??= memory.allocate(size * floatBytes);
      const bytes = encoded.get(encoding) ?? memory.allocate(count);
      encoded.set(encoding, bytes);
      return { floats: vector, bytes };
    },
    free() {
      for (const region of [...encoded.values(), ...(vector === undefined ? [] : [vector])]) memory.free(region);
      encoded.clear();
      vector = undefined;
    },
  };
}

function parseConcrete(value: unknown, name: string): ConcreteEncodingSpec {
  const spec = parseEncodingSpec(value, `encoding ${name}`);
  if (spec.name !== "auto" && spec.name !== "power_sgd") return spec;
  const sentence = `encoding ${name}: ${spec.name} needs both ends from one push to the next`;
  throw new ShoalError("invalid_argument", sentence, { field: "encoding" });
}
