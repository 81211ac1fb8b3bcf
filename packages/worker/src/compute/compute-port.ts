/** What a run asks of whatever computes its gradients, on this thread or another. */
import type { Offset } from "@shoal/kernels-wasm";
import type { TestResult } from "@shoal/protocol";
import type { ComputedIn } from "../client/exchange-kind.ts";
import type { ReplicaWork } from "./local-updates.ts";

/** Positions [begin, end) in the seeded order of `epoch`, and the vectors to use. */
export interface GradientWork {
  readonly epoch: number;
  readonly begin: number;
  readonly end: number;
  /** [vector size] float32 in kernel memory, borrowed until the call settles. */
  readonly parameters: Offset;
  /** [vector size] float32 in kernel memory, overwritten; left alone when the batch is empty. */
  readonly gradient: Offset;
  /** Factor on the gradient, for one of fewer samples than the others; absent: 1. Not with local updates. */
  readonly weight?: number | undefined;
  /** With local updates: who computes them. What is then written to `gradient` is what is to be pushed. */
  readonly replica?: ReplicaWork | undefined;
}

/** How the computing of a gradient goes hand in hand with the exchanges of its vectors. */
export interface GradientOverlap {
  /** Whether the forward pass waits at the port's gate for parameters that have not come. */
  readonly gated: boolean;
  /** First keys of the shards, ascending. */
  readonly cuts: readonly number[];
  /**
   * Told that the gradient of all keys ≥ `key`, one of the cuts, is final while the rest is still computed. Not told of
   * what is final at the end only: a clipped or accumulated gradient, or what local updates lead to.
   */
  readonly final: (key: number, begun: Pick<ComputedIn, "startedAtMs" | "samples">) => void;
}

/** Stands between parameters that arrive and a forward pass that reads them; one call at a time is gated. */
export interface ForwardGate {
  /** The parameters of all keys < `end` are there: also before a gated call begins. */
  open(end: number): void;
  /** Ends the gated call with `cancelled`, if it is not beyond the gate. */
  cancel(): void;
}

/** What the computing keeps of its own from step to step, for a snapshot; for others it is opaque. */
export interface ComputeState {
  readonly text: string;
  /** float32, borrowed until it is written. */
  readonly vector: Float32Array | null;
}

/** Calls are served one after the other, in their order. */
export interface ComputePort {
  /** Where computing runs beside its caller; elsewhere undefined, and `overlap` is not looked at. */
  readonly gate?: ForwardGate | undefined;
  /**
   * Draws the initial values of the model; takes seconds where there are tens of millions.
   * @param into [vector size] float32 in kernel memory, overwritten
   * @throws ShoalError `internal` - the thread crashed; `cancelled` - closed
   */
  initialize(into: Offset): Promise<void>;
  /**
   * Computes the gradient of the mean loss of a batch, or a round of local updates.
   * @throws ShoalError not_finite - the loss is NaN or infinite; `internal` - the thread crashed; `cancelled` - closed,
   *   or by the gate; deadline_exceeded - parameters did not come
   */
  gradient(work: GradientWork, overlap?: GradientOverlap): Promise<ComputedIn>;
  /**
   * Measures the whole test split.
   * @param parameters [vector size] float32 in kernel memory, borrowed until the call settles
   * @throws ShoalError as `gradient`
   */
  evaluate(parameters: Offset): Promise<TestResult>;
  /**
   * Where the computing itself keeps something: as it is before a step, of which nothing has begun.
   * @throws ShoalError store_unavailable
   */
  capture?(step: number): Promise<ComputeState>;
  /** What was captured before this step, in the snapshot that the run goes on from: given before its first gradient. */
  restore?(step: number, state: ComputeState): void;
  /** What a gradient that is being computed waits for, as a phrase, where it is somebody else who computes. */
  describe?(): string | undefined;
  /**
   * The run is over: told by the worker that writes the model, when the final values were measured, and to all workers of a
   * run that was cancelled or has failed. It may come twice.
   * @param reason - why it ended before its last step; undefined where it did not
   */
  finished?(reason: string | undefined): Promise<void>;
  /** Ends the computing at once, also within a call, and settles when no memory is used any more. Idempotent. */
  close(): Promise<void>;
}

/** For ports around another one: absent there, absent here. */
export function ownStateOf(compute: ComputePort): Pick<ComputePort, "capture" | "restore"> {
  const capture = compute.capture?.bind(compute);
  const restore = compute.restore?.bind(compute);
  return {
    ...(capture !== undefined && { capture }),
    ...(restore !== undefined && { restore }),
  };
}
