/**
 * The bus between actor systems of one process.
 *
 * Messages are handed over by reference: nothing is encoded and no size is checked, so a message may hold views of
 * shared memory, and a ref inside it speaks to its own system directly, past this bus and the checks at its end. With `strict` each envelope is encoded and decoded as on a network, which is what tests want.
 */
import { ShoalError } from "@shoal/errors";
import { parseAddress } from "../address.ts";
import { decodeEnvelope, encodeEnvelope } from "../envelope/envelope-codec.ts";
import type { Envelope } from "../envelope/envelope.ts";
import type { Bus, BusReceiver } from "./bus.ts";
import { nobodyListens } from "./nobody-listens.ts";

export interface InProcessBusOptions {
  /** False by default. */
  readonly strict?: boolean;
}

export function createInProcessBus(options: InProcessBusOptions = {}): Bus {
  const { strict = false } = options;
  const receivers = new Map<string, BusReceiver>();

  const send = (sender: BusReceiver, envelope: Envelope): void => {
    const bytes = strict ? encodeEnvelope(envelope) : undefined;
    const { node } = parseAddress(envelope.to);
    const receiver = receivers.get(node);
    if (receiver !== undefined) {
      receiver.receive(bytes === undefined ? envelope : decodeEnvelope(bytes, (address) => receiver.ref(address)));
    } else if (envelope.kind === "message" && envelope.from !== undefined) {
      sender.receive(nobodyListens(envelope.from, envelope.to));
    }
  };

  return {
    attach(node, receiver) {
      if (receivers.has(node)) {
        throw new ShoalError("invalid_argument", `a node ${node} is on this bus already`, { field: "node" });
      }
      receivers.set(node, receiver);
      return {
        send(envelope) {
          if (receivers.get(node) !== receiver) throw new ShoalError("transport_lost", `${node} has left the bus`);
          send(receiver, envelope);
        },
        ready: () => Promise.resolve(),
        connected: () => receivers.get(node) === receiver,
        detach() {
          if (receivers.get(node) === receiver) receivers.delete(node);
          return Promise.resolve();
        },
      };
    },
  };
}
