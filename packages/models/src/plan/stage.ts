/**
 * A layer at work: the forward and the backward pass of one primitive layer as kernel calls on buffers that the plan has
 * laid out. A stage allocates nothing and keeps nothing but its offsets.
 */
import type { Kernels, Offset } from "@shoal/kernels-wasm";

/**
 * Where a value of up to `batchSize` samples stands. Floats: [rows, …shape] float32. Tokens: [rows, …shape] int32.
 * Sparse rows: `at` holds int32 [rows + 1], the first entry of each row; `indices` (int32) and `values` (float32) hold
 * the entries.
 */
export interface Place {
  readonly at: Offset;
  readonly indices?: Offset | undefined;
  readonly values?: Offset | undefined;
}

/**
 * Which random numbers a step draws: those of sample `first + row` of the seeded order of `epoch`. They depend on the
 * sample alone, not on how batches are cut or who computes them.
 */
export interface Draw {
  readonly seed: number;
  readonly epoch: number;
  /** Position of row 0 in the order of the epoch. */
  readonly first: number;
}

export interface ForwardCall {
  /** Byte offset of a parameter vector that has the stage's own parameters in their places. */
  readonly parameters: Offset;
  readonly rows: number;
  /** False when the model is evaluated or used: no dropout, running statistics. */
  readonly training: boolean;
  readonly draw: Draw;
}

export interface BackwardCall extends ForwardCall {
  /** Byte offset of the gradient vector. A stage overwrites its own segments of it. */
  readonly gradient: Offset;
}

/** What the plan gives a stage when it is compiled. All offsets are absolute and stay the same for every step. */
export interface StageSite {
  readonly kernels: Kernels;
  readonly inputs: readonly Place[];
  readonly output: Place;
  /** Offsets of the layer's parameters in BYTES from the start of the parameter (or gradient) vector, as declared. */
  readonly parameters: readonly Offset[];
  /** False when the layer is frozen: no gradients of its parameters are wanted. */
  readonly trains: boolean;
  /** In the order of `keeps` and `scratch` of the definition. */
  readonly keeps: readonly Offset[];
  readonly scratch: readonly Offset[];
  /** [rows, …shape] float32. The stage may overwrite it in its backward pass: nobody reads it afterwards. */
  readonly outputGradient: Offset;
  /**
   * Where the stage writes the gradient of each input (overwrites); undefined where none is wanted (tokens, sparse rows,
   * a model's inputs). The first may be the same as `outputGradient` when the definition says `gradientInPlace`.
   */
  readonly inputGradients: readonly (Offset | undefined)[];
  /** A number that is the layer's own in this model, for its random draws. */
  readonly index: number;
}

export interface Stage {
  forward(call: ForwardCall): void;
  /** Not called when neither the layer's parameters nor anything before it trains. */
  backward(call: BackwardCall): void;
}

/** What the plan has to know to lay a stage's buffers out. */
export interface StageDefinition {
  /** Bytes of buffers that live from the forward to the backward pass, for `rows` samples: masks, statistics. */
  keeps?(rows: number): readonly number[];
  /** What it keeps are float32 activations, in proportion to the rows: they may be stored in half meanwhile. */
  readonly keepsActivations?: boolean | undefined;
  /** Bytes of buffers that live within one pass. */
  scratch?(rows: number): readonly number[];
  /** Which of its values the backward pass reads again. */
  readonly backwardReads: { readonly inputs: boolean; readonly output: boolean };
  /** Its output may stand where its first input does (when nobody else reads that one again). */
  readonly inPlace?: boolean | undefined;
  /** Its backward pass may write the first input's gradient where the output's gradient stands. */
  readonly gradientInPlace?: boolean | undefined;
  create(site: StageSite): Stage;
}
