/**
 * Lets clients that declined return when they have rested, whoever speaks meanwhile.
 *
 * Bounds  a look in `leastApartMs`, at most: they return together who would within it.
 */
import type { Clock, Timer } from "@shoal/actors";
import type { Registry } from "./registry.ts";

export interface RestWatch {
  /** Somebody has begun to rest. */
  look(): void;
  stop(): void;
}

const leastApartMs = 100;

/** @param onReturned - other clients may be drawn now */
export function createRestWatch(clock: Clock, registry: Registry, onReturned: () => void): RestWatch {
  let timer: Timer | undefined;
  let isStopped = false;
  function look(): void {
    timer?.cancel();
    const { nextReturnMs } = registry;
    if (nextReturnMs === undefined || isStopped) return;
    timer = clock.after(Math.max(leastApartMs, nextReturnMs - clock.now()), () => {
      registry.release(clock.now());
      look();
      onReturned();
    });
  }
  return {
    look,
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}
