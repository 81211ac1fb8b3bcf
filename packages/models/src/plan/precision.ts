/**
 * Mixed precision: what is stored between steps of a plan takes 16 bits, what is computed with takes 32.
 *
 * Activations that wait for the backward pass are stored in half; weights are rounded to it before they are used. Biases,
 * norms, statistics and all gradients stay float32, and so does the parameter vector itself, which the shard owns.
 * Source  Micikevicius et al., "Mixed Precision Training", ICLR 2018.
 */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import type { ParameterRole } from "../layers/layer-definition.ts";

export type Precision = "float32" | "bfloat16" | "float16";

export const halfBytes = 2;

/** Parameters that are rounded: those that products and look-ups read. */
export const roundedRoles: ReadonlySet<ParameterRole> = new Set<ParameterRole>(["weight", "embedding"]);

/** Both borrow `x` and overwrite `out`; counts are in elements. */
export interface HalfCodec {
  encode(x: Offset, out: Offset, count: number): void;
  decode(x: Offset, out: Offset, count: number): void;
  /** float32 to float32. */
  copy(x: Offset, out: Offset, count: number): void;
}

export function halfCodec(kernels: Kernels, precision: Precision): HalfCodec {
  const copy: HalfCodec["copy"] = (x, out, count) => kernels.copy(x, out, count);
  if (precision === "float16") {
    return {
      encode: (x, out, count) => kernels.encodeFloat16(x, out, count),
      decode: (x, out, count) => kernels.decodeFloat16(x, out, count),
      copy,
    };
  }
  return {
    encode: (x, out, count) => kernels.encodeBfloat16(x, out, count),
    decode: (x, out, count) => kernels.decodeBfloat16(x, out, count),
    copy,
  };
}
