/** What the page and the worker in which its client lives say to each other. */
import type { Enrolment, SessionEvent } from "@shoal/edge-client";
import type { DataChoice } from "./local-data.ts";

export type ToClient =
  | {
      readonly type: "start";
      readonly origin: string;
      readonly ticket: string | null;
      /** null: a new client. */
      readonly seed: string | null;
      readonly data: DataChoice;
      readonly memoryBytes: number;
    }
  /** Which digit does the model see in this drawing? */
  | { readonly type: "recognise"; readonly pixels: Uint8Array }
  /** The page goes: it is closed, or loaded again. */
  | { readonly type: "page_goes" }
  | { readonly type: "stop" };

export type FromClient =
  /** Keep this: whoever has it is this client. */
  | { readonly type: "key"; readonly seed: string }
  | { readonly type: "enrolled"; readonly enrolment: Omit<Enrolment, "pass">; readonly samples: number }
  | { readonly type: "event"; readonly event: SessionEvent }
  | { readonly type: "traffic"; readonly sent: number; readonly received: number }
  /** The share of belief in each digit. */
  | { readonly type: "recognised"; readonly shares: readonly number[] }
  /** It does not take part any more. */
  | { readonly type: "stopped"; readonly reason: string };
