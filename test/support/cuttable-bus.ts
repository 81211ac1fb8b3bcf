/** A bus from which a test can cut a node off, as a crash does: nothing it sends arrives any more, and nothing reaches it. */
import type { Bus } from "@shoal/actors";

export interface CuttableBus extends Bus {
  /** Until a node of that name attaches anew: the node's goodbye is lost with the rest. */
  cut(node: string): void;
  /** A node of this name that comes now is not the one that was cut off. */
  mend(node: string): void;
}

export function createCuttableBus(bus: Bus): CuttableBus {
  const cut = new Set<string>();
  return {
    cut: (node) => void cut.add(node),
    mend: (node) => void cut.delete(node),
    attach(node, receiver) {
      cut.delete(node); // another life of the name
      const port = bus.attach(node, {
        receive: (envelope) => {
          if (!cut.has(node)) receiver.receive(envelope);
        },
        malformed: (error) => receiver.malformed(error),
        ref: (address) => receiver.ref(address),
      });
      return {
        send: (envelope) => {
          if (!cut.has(node)) port.send(envelope);
        },
        ready: () => port.ready(),
        connected: () => !cut.has(node) && port.connected(),
        detach: () => port.detach(),
      };
    },
  };
}
