/** One way to write elements as bytes, without memory of errors: what encoders and decoders are made of. */
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import type { EncodedLayout } from "./encoded-layout.ts";
import type { Placement } from "./placement.ts";

/** Elements that are worked on at a time, so that they stay in the cache: a multiple of every block. */
export const partElements = 16_384;

/**
 * Writes elements p and leaves in p what the bytes do not say. Behind the last element there are zeros up to the next
 * multiple of 16; what stands there afterwards is undefined.
 */
type Encode =
  /** `into` are all `codecBytes` bytes. */
  | { readonly kind: "whole"; readonly run: (p: Offset, into: Offset, draw: number) => void }
  /** The elements `[begin, begin + count)` alone; `begin` is a multiple of `partElements`, and p and `into` are of all. */
  | { readonly kind: "parts"; readonly run: (p: Offset, into: Offset, begin: number, count: number) => void };

export interface Codec {
  readonly encode: Encode;
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
