/**
 * The bus of a simulated cluster, on the simulated network. Several processes may listen under one node name, as they
 * may on a real bus (coordinators that wait): each gets every message.
 */
import { parseAddress, type Bus, type BusReceiver, type Envelope } from "@shoal/actors";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** The bus as one process sees it. */
export function busOf(world: World, process: SimulatedProcess): Bus {
  return {
    attach(_node, receiver) {
      const port = world.network.attach(process.id, hold(world, process, receiver));
      return {
        send(envelope) {
          if (process.isDead) return;
          const { node } = parseAddress(envelope.to);
          world.witness.said(process, envelope);
          if (!world.reach.reaches("bus", process.node, node)) return;
          const listeners = world.living(node);
          const [last = { id: node }] = listeners.slice(-1);
          for (const { id } of listeners.slice(0, -1)) port.send(addressed(envelope, id));
          port.send(addressed(envelope, last.id));
        },
        ready: () => port.ready(),
        connected: () => !process.isDead && !world.reach.isIsolated(process.node),
        detach: () => port.detach(),
      };
    },
  };
}

function hold(world: World, process: SimulatedProcess, receiver: BusReceiver): BusReceiver {
  return {
    receive(envelope) {
      process.whenAwake(() => {
        world.message("bus", process.node, envelope.to, kindOf(envelope));
        if (process.isDead) return;
        receiver.receive(addressed(envelope, process.node));
      });
    },
    malformed: (error) => receiver.malformed(error),
    ref: (address) => receiver.ref(address),
  };
}

function addressed(envelope: Envelope, node: string): Envelope {
  return { ...envelope, to: node + envelope.to.slice(envelope.to.indexOf("/")) };
}

function kindOf(envelope: Envelope): string {
  if (envelope.kind === "error") return `error ${envelope.error.code}`;
  const { message } = envelope;
  return typeof message === "object" && message !== null && "type" in message ? String(message.type) : "message";
}
