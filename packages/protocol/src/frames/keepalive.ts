/** Notices a connection whose other end has gone without saying so. */
import type { Clock, Timer } from "@shoal/actors";
import type { KeepaliveTimes } from "./limits.ts";

export interface KeepaliveOptions {
  readonly clock: Clock;
  /** Asks the peer; calls back when it answers. */
  readonly ping: (answered: () => void) => void;
  /** The peer did not answer in time; called at most once. */
  readonly lost: () => void;
  readonly times: KeepaliveTimes;
}

/** Asks every `intervalMs` and waits `timeoutMs` for each answer, until stopped or lost. */
export function startKeepalive(options: KeepaliveOptions): { stop(): void } {
  const { clock, ping, lost } = options;
  const { intervalMs, timeoutMs } = options.times;
  let timer: Timer;
  let stopped = false;
  const rest = (): void => {
    if (!stopped) timer = clock.after(intervalMs, ask);
  };
  const ask = (): void => {
    timer = clock.after(timeoutMs, () => {
      stopped = true;
      lost();
    });
    const asked = timer;
    ping(() => {
      asked.cancel();
      if (asked === timer) rest();
    });
  };
  rest();
  return {
    stop() {
      stopped = true;
      timer.cancel();
    },
  };
}
