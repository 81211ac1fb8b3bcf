/**
 * Writes updates and reads values in the encodings that a client has. What a lossy encoding leaves unsent is given to the
 * caller, who brings it with the next update (error feedback) and keeps it over reloads.
 */
import { createKernelMemory, instantiateKernels, type KernelModules } from "@shoal/kernels-wasm";
import {
  createEncoder,
  createVectorCodecs,
  parseEncodingSpec,
  type ConcreteEncodingSpec,
  type VectorCodecs,
} from "@shoal/optimization";
import { ShoalError } from "@shoal/errors";
import type { EncodingSpec, PlainKeys } from "@shoal/federated";
import type { EncodedUpdate, EncodingOptions, VectorEncoding } from "./local-training.ts";
import type { clientEncodings } from "./update-codec.ts";

/** Encodings of clients by their names, with the options of who names nothing else. */
const specs: Readonly<Record<(typeof clientEncodings)[number], EncodingSpec>> = {
  float32: { name: "float32" },
  bfloat16: { name: "bfloat16" },
  int8: { name: "int8" },
  int4: { name: "int4" },
  top_k: { name: "top_k", share: 0.1 },
};

export interface KernelCodec {
  /** As `UpdateCodec.decode`. */
  decode(encoding: VectorEncoding, content: Uint8Array, size: number, plain?: readonly PlainKeys[]): Float32Array;
  /** As `UpdateCodec.encode`. */
  encode(encoding: VectorEncoding, update: Float32Array, options: EncodingOptions): EncodedUpdate;
}

/** @param memoryBytes - that vectors may take; default 256 MiB */
export function createKernelCodec(modules: KernelModules, memoryBytes: number = 256 * 2 ** 20): KernelCodec {
  const maximumBytes = Math.min(memoryBytes, greatestMemoryBytes);
  const initialBytes = Math.min(maximumBytes, usualInitialBytes);
  const memory = createKernelMemory({ maximumBytes, initialBytes, growth: "exact" });
  const kernels = instantiateKernels(modules, memory, { build: "auto" });
  let current: { readonly key: string; readonly codecs: VectorCodecs } | undefined;
  const codecsFor = (encoding: EncodingSpec, size: number, plain: readonly PlainKeys[]): VectorCodecs => {
    const key = JSON.stringify([encoding, size, plain]);
    if (current?.key === key) return current.codecs;
    current?.codecs.dispose();
    const codecs = createVectorCodecs({ [only]: encoding }, { size, plain }, { kernels, memory });
    current = { key, codecs };
    return codecs;
  };
  return {
    decode(encoding, content, size, plain = []) {
      const values = new Float32Array(size);
      codecsFor(specOf(encoding), size, plain).decode(only, content, values);
      return values;
    },
    encode(encoding, update, { draw, leftOver, plain = [] }) {
      const encoder = createEncoder(concrete(specOf(encoding)), { size: update.length, plain, kernels, memory });
      const vector = memory.allocate(update.byteLength);
      const bytes = memory.allocate(encoder.bytes);
      try {
        const { residual } = encoder.snapshot();
        // What another encoding left over is in the same order.
        if (residual !== null && leftOver?.length === residual.length) {
          encoder.restore({ ...encoder.snapshot(), residual: leftOver });
        }
        memory.floats(vector.byteOffset, update.length).set(update);
        encoder.encode(vector.byteOffset, bytes.byteOffset, draw);
        const content = new Uint8Array(memory.memory.buffer, bytes.byteOffset, encoder.bytes).slice();
        return { content, leftOver: encoder.snapshot().residual ?? undefined };
      } finally {
        memory.free(vector);
        memory.free(bytes);
        encoder.dispose();
      }
    },
  };
}

/** It grows as vectors need. */
const usualInitialBytes = 2 ** 21;
const greatestMemoryBytes = 2 ** 32;
const only = "only";
const named: Readonly<Record<string, EncodingSpec | undefined>> = specs;

function specOf(encoding: VectorEncoding): EncodingSpec {
  return typeof encoding === "string" ? (named[encoding] ?? { name: encoding }) : encoding;
}

function concrete(encoding: EncodingSpec): ConcreteEncodingSpec {
  const spec = parseEncodingSpec(encoding, "encoding");
  if (spec.name !== "auto") return spec;
  throw new ShoalError("invalid_argument", "an encoding has to be named", { field: "encoding" });
}
