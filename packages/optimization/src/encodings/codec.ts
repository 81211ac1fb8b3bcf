/** One way to write elements as bytes, without memory of errors: what encoders and decoders are made of. */
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import type { EncodedLayout } from "./encoded-layout.ts";
import type { Placement } from "./placement.ts";

export interface Codec {
  /**
   * @param p - the encoded elements, with zeros up to the next multiple of 16; what the bytes do not say is left in it.
   *   What stands behind the last element afterwards is undefined
   * @param into - `codecBytes` bytes, overwritten
   */
  encode(p: Offset, into: Offset, draw: number): void;
  /** What is wrong with bytes from outside; undefined when they can be decoded. */
  faultOf(from: Offset): string | undefined;
  /**
   * Decodes bytes without a fault: overwrites the elements, or with a weight adds to them.
   * @param placement - where the elements stand behind `into`
   */
  put(from: Offset, into: Offset, placement: Placement, weight: number | undefined): void;
  /** What it carries from one vector to the next: the factors of power_sgd. */
  readonly factors?: Float32Array;
  dispose(): void;
}

export interface CodecSite {
  readonly layout: EncodedLayout;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  /** Only an encoder needs what encoding takes from the memory. */
  readonly encodes: boolean;
}
