/** What a client does to updates and values on their way. The codecs are loaded when a task's encoding needs them. */
import type { KernelModules } from "@shoal/kernels-wasm";
import { ShoalError } from "@shoal/errors";
import type { KernelCodec } from "./kernel-codec.ts";
import type { UpdateCodec } from "./local-training.ts";

/** Names of all encodings that clients have. */
export const clientEncodings = ["float32", "bfloat16", "int8", "int4", "top_k"] as const;

/** @param memoryBytes - that vectors may take; default 256 MiB */
export function createUpdateCodec(modules: KernelModules, memoryBytes?: number): UpdateCodec {
  let loading: Promise<KernelCodec> | undefined;
  const load = async (): Promise<KernelCodec> => {
    try {
      const { createKernelCodec } = await import("./kernel-codec.ts");
      return createKernelCodec(modules, memoryBytes);
    } catch (error) {
      loading = undefined;
      throw new ShoalError("transport_lost", "the codecs of this client could not be loaded", {}, { cause: error });
    }
  };
  return {
    encodings: clientEncodings,
    decode: async (...args) => (await (loading ??= load())).decode(...args),
    encode: async (...args) => (await (loading ??= load())).encode(...args),
  };
}
