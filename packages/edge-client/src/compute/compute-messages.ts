/** What a client's thread and its compute thread say to each other. */
import type { SerializedError } from "@shoal/errors";
import type { TaskDescription } from "@shoal/federated";
import type { LocalMeasurement, LocalResult, LocalValues, LocalWork } from "../session/local-training.ts";

/** A worker of a page, what a worker sees of itself, or one end of a channel. */
export interface ComputePort {
  postMessage(message: unknown, options: { readonly transfer: ArrayBuffer[] }): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "error", listener: (event: { readonly message?: string }) => void): void;
  /** Of a channel's end: it is silent before. */
  start?(): void;
}

export type ToCompute =
  /** "Are you there?" Answered with `ready`. */
  | { readonly type: "greet" }
  | {
      readonly type: "train";
      readonly call: number;
      readonly task: TaskDescription;
      readonly work: Omit<LocalWork, "signal" | "onProgress">;
    }
  | { readonly type: "evaluate"; readonly call: number; readonly task: TaskDescription; readonly own: LocalValues }
  /** Nothing more is wanted of this training. */
  | { readonly type: "stop"; readonly call: number }
  | { readonly type: "close" };

export type FromCompute =
  | { readonly type: "ready"; readonly samples: number; readonly testSamples: number }
  | { readonly type: "progress"; readonly call: number; readonly epoch: number; readonly loss: number }
  | { readonly type: "trained"; readonly call: number; readonly result: LocalResult }
  | { readonly type: "measured"; readonly call: number; readonly measurement: LocalMeasurement | null }
  | { readonly type: "failed"; readonly call: number; readonly error: SerializedError };
