/** What a worker and its compute thread say to each other. Vectors are in kernel memory; messages name offsets. */
import type { SerializedError } from "@shoal/errors";
import type { KernelAttachment, Offset, Region } from "@shoal/kernels-wasm";
import type { TestResult } from "@shoal/protocol";
import type { ComputedIn } from "../client/exchange-kind.ts";
import type { GradientOverlap, GradientWork } from "../compute/compute-port.ts";
import type { ComputeSubject } from "../compute/compute-task.ts";

/** What a compute thread is born with. */
export interface ComputeThreadData {
  readonly subject: ComputeSubject;
  readonly attachment: KernelAttachment;
  /** Where its plan goes. */
  readonly plan: Region;
  /** [1] int32: how far the parameters of a gated call have come (see `thread-gates`). */
  readonly gate: SharedArrayBuffer;
}

/** `GradientOverlap` as data. */
export type ThreadOverlap = Pick<GradientOverlap, "gated" | "cuts">;

/** To the thread. `id` counts the requests of this thread. */
export type ComputeRequest =
  /** "Draw the initial values." */
  | { readonly type: "initialize"; readonly id: number; readonly into: Offset }
  /** "Compute this gradient." */
  | {
      readonly type: "gradient";
      readonly id: number;
      readonly work: GradientWork;
      readonly overlap: ThreadOverlap | undefined;
    }
  /** "Measure the test split with these parameters." */
  | { readonly type: "evaluate"; readonly id: number; readonly parameters: Offset };

/** From the thread. */
export type ComputeReply =
  /** "My plan is compiled." */
  | { readonly type: "ready" }
  /** "The gradient of all keys ≥ `key` is final." */
  | {
      readonly type: "final";
      readonly id: number;
      readonly key: number;
      readonly begun: Pick<ComputedIn, "startedAtMs" | "samples">;
    }
  | { readonly type: "initialized"; readonly id: number }
  | { readonly type: "computed"; readonly id: number; readonly computed: ComputedIn }
  | { readonly type: "evaluated"; readonly id: number; readonly result: TestResult }
  | { readonly type: "failed"; readonly id: number; readonly error: SerializedError };
