/** What the page says to its two workers, and they to it: one holds the connection, one the digits, and trains. */
import type { Enrolment, SessionEvent } from "@shoal/edge-client";
import type { DrawnDigit } from "./drawing-pad.ts";
import type { DataChoice } from "./local-data.ts";

export type ToClient =
  | {
      readonly type: "start";
      readonly origin: string;
      readonly ticket: string | null;
      /** null: a new client. */
      readonly seed: string | null;
      readonly memoryBytes: number;
      /** At its other end is the compute worker. */
      readonly compute: MessagePort;
    }
  /** The page goes: it is closed, or loaded again. */
  | { readonly type: "page_goes" }
  /** The device is back, or somebody looks at it again: this worker's own scope is not told of that. */
  | { readonly type: "reconnect_hint" }
  | { readonly type: "stop" };

export type FromClient =
  /** Keep this: whoever has it is this client. */
  | { readonly type: "key"; readonly seed: string }
  | { readonly type: "enrolled"; readonly enrolment: Omit<Enrolment, "pass">; readonly samples: number }
  /** Nobody serves a task, or nobody answers: it is asked again. */
  | { readonly type: "nobody"; readonly reason: string }
  | { readonly type: "event"; readonly event: SessionEvent }
  | { readonly type: "traffic"; readonly sent: number; readonly received: number }
  /** It does not take part any more. With the hash of the values that this client has; "": it has none. */
  | { readonly type: "stopped"; readonly end: ClientEnd; readonly reason: string; readonly modelHash: string };

/** Its user has left, the task is over, it would not be let in again, or something went wrong. */
export type ClientEnd = "left" | "over" | "refused" | "failed";

export type ToCompute =
  | {
      readonly type: "load";
      readonly data: DataChoice;
      readonly drawn: readonly DrawnDigit[];
      readonly memoryBytes: number;
      /** At its other end is the client's worker. */
      readonly client: MessagePort;
    }
  /** Another one was drawn: the next training has it. */
  | { readonly type: "drawn"; readonly digit: DrawnDigit }
  /** Which digit does the model see in this drawing? */
  | { readonly type: "recognise"; readonly pixels: Uint8Array };

export type FromCompute =
  /** The share of belief in each digit. */
  | { readonly type: "recognised"; readonly shares: readonly number[] }
  /** The digits are none, or the kernels did not load. */
  | { readonly type: "failed"; readonly reason: string };
