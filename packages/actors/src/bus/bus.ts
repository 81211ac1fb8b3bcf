/** The bus: carries envelopes between nodes, at most once, in order for each pair of sender and receiver. */
import type { ShoalError } from "@shoal/errors";
import type { Address } from "../address.ts";
import type { Envelope } from "../envelope/envelope.ts";
import type { Ref } from "../ref.ts";

/** A node's end as the bus sees it. Neither function throws. */
export interface BusReceiver {
  receive(envelope: Envelope): void;
  /** Bytes arrived that are no envelope; nobody else is affected. */
  malformed(error: ShoalError): void;
  /** Makes the refs inside decoded messages. */
  ref(address: Address): Ref<unknown>;
}

/** A node's end as the node sees it. */
export interface BusPort {
  /**
   * Sends and returns. Where the bus knows that nobody listens, the sender of an ask is told by an error envelope
   * (`actor_not_found`).
   * @throws ShoalError `payload_too_large`, `codec_failed`, `transport_lost`
   */
  send(envelope: Envelope): void;
  /** Settles when other nodes can reach this one. @throws ShoalError `transport_lost` */
  ready(): Promise<void>;
  /** False while this node can neither send nor hear: then the silence of others says nothing about them. */
  connected(): boolean;
  /** Leaves the bus. Envelopes that arrive afterwards are dropped. */
  detach(): Promise<void>;
}

export interface Bus {
  /** Joins as `node`. @throws ShoalError `invalid_argument` - the name is taken on this bus */
  attach(node: string, receiver: BusReceiver): BusPort;
}
