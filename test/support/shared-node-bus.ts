/**
 * Several actor systems under one node name, as processes that subscribe to the same subjects of NATS: each hears what is
 * said to the name.
 */
import type { Bus, BusReceiver } from "@shoal/actors";

export interface SharedNodeBus {
  /** The bus as one of the systems sees it; `end` takes that one away without a goodbye, `pause` holds what it hears. */
  attachAs(): { readonly bus: Bus; readonly end: () => void };
}

/** @param node the name; others go straight to `bus` */
export function createSharedNodeBus(bus: Bus, node: string): SharedNodeBus {
  const receivers = new Set<BusReceiver>();
  let port: ReturnType<Bus["attach"]> | undefined;
  const open = (): ReturnType<Bus["attach"]> =>
    (port ??= bus.attach(node, {
      receive: (envelope) => {
        for (const receiver of [...receivers]) receiver.receive(envelope);
      },
      malformed: (error) => {
        for (const receiver of receivers) receiver.malformed(error);
      },
      ref: (address) => {
        const [first] = receivers;
        if (first === undefined) throw new Error(`nobody is ${node}`);
        return first.ref(address);
      },
    }));
  return {
    attachAs() {
      let own: BusReceiver | undefined;
      const end = (): void => {
        if (own !== undefined) receivers.delete(own);
        own = undefined;
      };
      const attach: Bus["attach"] = (name, receiver) => {
        if (name !== node) return bus.attach(name, receiver);
        own = receiver;
        receivers.add(receiver);
        const shared = open();
        return {
          send: (envelope) => {
            if (own !== undefined) shared.send(envelope);
          },
          ready: () => shared.ready(),
          connected: () => own !== undefined && shared.connected(),
          detach: () => Promise.resolve(end()),
        };
      };
      return { bus: { attach }, end };
    },
  };
}
