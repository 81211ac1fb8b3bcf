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
import type { UpdateCodec } from "./local-training.ts";

/** Encodings of clients by their names; options are the defaults of `optimization`. */
const specs: Readonly<Record<string, unknown>> = {
  float32: { name: "float32" },
  bfloat16: { name: "bfloat16" },
  int8: { name: "int8" },
  int4: { name: "int4" },
  top_k: { name: "top_k", share: 0.1 },
};

/** @param memoryBytes - that vectors may take; default 256 MiB */
export function createUpdateCodec(modules: KernelModules, memoryBytes: number = 256 * 2 ** 20): UpdateCodec {
  const memory = createKernelMemory({ maximumBytes: memoryBytes });
  const kernels = instantiateKernels(modules, memory, { build: "auto" });
  let codecs: VectorCodecs | undefined;
  const codecsFor = (size: number): VectorCodecs => {
    if (codecs?.size === size) return codecs;
    codecs?.dispose();
    codecs = createVectorCodecs(specs, { size }, { kernels, memory });
    return codecs;
  };
  return {
    encodings: Object.keys(specs),
    decode(name, content, size) {
      const values = new Float32Array(size);
      codecsFor(size).decode(name, content, values);
      return values;
    },
    encode(name, update, { draw, leftOver }) {
      const encoder = createEncoder(specOf(name), { size: update.length, kernels, memory });
      const vector = memory.allocate(update.byteLength);
      const bytes = memory.allocate(encoder.bytes);
      try {
        const { residual } = encoder.snapshot();
        // What another encoding left over is in the same order: no range of an update is plain.
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

function specOf(name: string): ConcreteEncodingSpec {
  const spec = parseEncodingSpec(specs[name] ?? { name }, "encoding");
  if (spec.name !== "auto") return spec;
  throw new ShoalError("invalid_argument", "an encoding has to be named", { field: "encoding" });
}
