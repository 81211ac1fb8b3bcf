/**
 * The two ends of an encoding: an encoder turns a vector into bytes and keeps the error, a decoder turns them back.
 *
 *   p = g + e;  send C(p);  e ← p − decoded C(p)
 *
 * Invariants
 *   I1  Σ decoded + e = Σ g, up to the rounding of the sums: nothing is lost. Whoever learns that a push will never be
 *       applied says so with `giveBack`. A `plain` range has no e: what is refused of it is lost, as with float32.
 *   I2  The bytes follow from the vectors encoded so far and their draws alone; there is no hidden clock or random.
 *       A retry sends the bytes that it has; encoding the same vector again would count it twice.
 *   I3  A vector that is not finite is refused and changes nothing: one such push would spoil every later one.
 *
 * The error is in the unit of gradients. Where the sender's learning rate is part of what it sends (updates, not
 * gradients), the error has to be scaled by η(t−1)/η(t) when the rate changes (Zheng et al. 2019); here the server
 * multiplies by the rate when it applies, late parts of a gradient count with the rate of that time, and no scaling is
 * right.
 *
 * Sources  Seide et al., Interspeech 2014; Stich et al., NeurIPS 2018; Karimireddy et al., ICML 2019.
 */
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import type { ConcreteEncodingSpec } from "./encoding-spec.ts";

/** Row-major matrix within a vector: elements `[offset, offset + rows·columns)`. */
export interface MatrixSegment {
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
}

/** Elements `[begin, end)`. */
export interface ElementRange {
  readonly begin: number;
  readonly end: number;
}

/** What both ends have to agree on besides the specification. */
export interface EncodingLayout {
  /** Elements of the vector, at least 1. */
  readonly size: number;
  /** Matrices within it, ascending, without overlap: only power_sgd asks. Default none. */
  readonly matrices?: readonly MatrixSegment[] | undefined;
  /**
   * Ranges that are sent as float32 whatever the encoding, ascending, without overlap; no error is kept of them. Running
   * statistics belong here: a variance that gets its error late can become negative. Default none.
   */
  readonly plain?: readonly ElementRange[] | undefined;
}

export interface EncodingSite extends EncodingLayout {
  readonly kernels: Kernels;
  /** The memory that the kernels work in; residual and scratch are taken from it. */
  readonly memory: KernelMemory;
}

/** What an encoder says of one vector. */
export interface Encoded {
  /** Bytes written; the same for every vector of a layout. */
  readonly bytes: number;
  /** ‖p − decoded‖² and ‖p‖²: the relative error of this push is the root of their quotient. */
  readonly squaredError: number;
  readonly squaredNorm: number;
}

/** What an encoder remembers, as plain data: part of the saved state of a worker. */
export interface EncoderSnapshot {
  readonly name: string;
  /** Unsent error, in the encoder's own order of elements; null without error feedback. */
  readonly residual: Float32Array | null;
  /** Right factors of power_sgd, one matrix after the other, each [rank×columns]; null for the others. */
  readonly factors: Float32Array | null;
}

export interface Encoder {
  readonly spec: ConcreteEncodingSpec;
  readonly size: number;
  /** Bytes that one vector takes, see `encodedBytes`. */
  readonly bytes: number;
  /**
   * Writes a vector, with what earlier ones left over.
   *
   * @param vector - [size] float32, borrowed and not changed
   * @param into - `bytes` bytes, a multiple of 4; overwritten. The caller keeps them until they are acknowledged
   * @param draw - chooses what random_k sends: the number of the push's batch. The others ignore it
   * @throws ShoalError not_finite - the vector has a NaN or an infinity; nothing is changed then
   */
  encode(vector: Offset, into: Offset, draw: number): Encoded;
  /**
   * Takes back bytes that will never be applied: their content is sent with the next vector, that of the `plain` ranges
   * excepted. Does nothing without error feedback.
   *
   * @param from - `bytes` bytes that `encode` has written, borrowed
   * @param superseded - [size] float32, borrowed: the vector that these bytes were made of, where it is computed again or
   *   somebody else's was applied in its place. It is left out, so that only what earlier vectors left over comes back
   */
  giveBack(from: Offset, superseded?: Offset): void;
  /** ‖e‖², the unsent error; 0 without error feedback. One pass. */
  residualSquaredNorm(): number;
  snapshot(): EncoderSnapshot;
  /** Continues from a snapshot. @throws ShoalError snapshot_corrupt - it is of another encoding or layout; nothing is changed then */
  restore(snapshot: EncoderSnapshot): void;
  /** Gives residual and scratch back to the kernel memory. */
  dispose(): void;
}

export interface Decoder {
  readonly spec: ConcreteEncodingSpec;
  readonly size: number;
  /** Bytes that one vector takes, see `encodedBytes`. */
  readonly bytes: number;
  /**
   * Looks bytes from outside over: their number, that indices ascend and are in range, that scales are finite.
   * @param from - a multiple of 4, borrowed
   * @throws ShoalError codec_failed
   */
  check(from: Offset, bytes: number): void;
  /**
   * Checks and decodes.
   * @param into - [size] float32, overwritten; untouched when the check fails
   * @throws ShoalError codec_failed
   */
  decode(from: Offset, bytes: number, into: Offset): void;
  /**
   * Checks and adds: into ← into + weight · decoded. Touches only what was sent of top_k and random_k.
   * @throws ShoalError codec_failed - nothing is changed then
   */
  accumulate(from: Offset, bytes: number, into: Offset, weight: number): void;
  dispose(): void;
}
