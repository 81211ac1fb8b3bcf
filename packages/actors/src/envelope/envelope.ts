/** What travels on a bus: a message or an error, to an address. */
import type { SerializedError } from "@shoal/errors";
import type { Address } from "../address.ts";

/** Largest encoded envelope: 256 KiB. Control messages are small; tensors travel on the data plane. */
export const maximumEnvelopeBytes: number = 256 * 1024;

/** W3C Trace Context header values (https://www.w3.org/TR/trace-context/). */
export interface TraceCarrier {
  readonly traceparent: string;
  readonly tracestate?: string;
}

export interface MessageEnvelope {
  readonly kind: "message";
  readonly to: Address;
  /** Where errors about this message go: the reply address of an ask; absent for a plain tell. */
  readonly from?: Address;
  readonly message: unknown;
  readonly trace?: TraceCarrier;
  /** How long the asker waits from the moment of sending, ms: relative, because clocks of machines differ. */
  readonly deadlineMs?: number;
}

/** Tells an asker that its message was not answered by the actor but by what stood in front of it. */
export interface ErrorEnvelope {
  readonly kind: "error";
  readonly to: Address;
  readonly error: SerializedError;
}

export type Envelope = MessageEnvelope | ErrorEnvelope;
