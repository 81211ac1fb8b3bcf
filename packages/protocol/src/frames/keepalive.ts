/** Notices a connection whose other end has gone without saying so. */
import type { Clock, Timer } from "@shoal/actors";
import type { KeepaliveTimes } from "./limits.ts";

export interface KeepaliveOptions {
  readonly clock: Clock;
  /** Asks the peer; calls back when it answers. */
  readonly ping: (answered: () => void) => void;
  /** Bytes that have come from the peer so far: while more come, it lives, however long the answer waits behind them. */
  readonly heard: () => number;
  /** The peer did not answer in time; called at most once. */
  readonly lost: () => void;
  readonly times: KeepaliveTimes;
}

/**
 * The time of waiting is counted in so many parts, each of which begins when this process has come to it: one that was held
 * up itself, and finds the answer waiting behind its late timer, counts one part and reads the answer before the next.
 */
const parts = 5;

/** Asks every `intervalMs` and waits `timeoutMs` for each answer, until stopped or lost. */
export function startKeepalive(options: KeepaliveOptions): { stop(): void } {
  const { clock, ping, heard, lost } = options;
  const { intervalMs, timeoutMs } = options.times;
  let timer: Timer;
  let stopped = false;
  const rest = (): void => {
    if (!stopped) timer = clock.after(intervalMs, ask);
  };
  const wait = (part: number): void => {
    const before = heard();
    timer = clock.after(timeoutMs / parts, () => {
      if (heard() > before) return wait(1);
      if (part < parts) return wait(part + 1);
      stopped = true;
      lost();
    });
  };
  const ask = (): void => {
    let answered = false;
    wait(1);
    ping(() => {
      if (answered || stopped) return;
      answered = true;
      timer.cancel();
      rest();
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
