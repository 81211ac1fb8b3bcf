/** A node that can stand still, as a stopped process does: what reaches it and its timers wait until it goes on. */
import type { Bus, BusReceiver, Clock } from "@shoal/actors";

export interface PausableNode {
  /** The bus, on which the node of this name can stand still. */
  readonly bus: Bus;
  /** The node's clock. */
  readonly clock: Clock;
  pause(): void;
  resume(): void;
}

export function createPausableNode(name: string, bus: Bus, clock: Clock): PausableNode {
  let isPaused = false;
  const held: (() => void)[] = [];
  const whenAwake = (act: () => void): void => {
    if (isPaused) held.push(act);
    else act();
  };
  const hold = (receiver: BusReceiver): BusReceiver => ({
    receive: (envelope) => whenAwake(() => receiver.receive(envelope)),
    malformed: (error) => receiver.malformed(error),
    ref: (address) => receiver.ref(address),
  });
  return {
    bus: { attach: (node, receiver) => bus.attach(node, node === name ? hold(receiver) : receiver) },
    clock: {
      now: () => clock.now(),
      after(delayMs, callback) {
        let isCancelled = false;
        const timer = clock.after(delayMs, () => whenAwake(() => isCancelled || callback()));
        return {
          cancel() {
            isCancelled = true;
            timer.cancel();
          },
        };
      },
    },
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      for (const act of held.splice(0)) act();
    },
  };
}
