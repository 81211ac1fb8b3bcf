/** The clock of this machine. */
import type { Clock } from "../clock.ts";

/** Longest delay that the platform's timers take, ms; above it they would fire at once. */
const maximumDelayMs = 2_147_483_647;

/**
 * Wall time that never goes backwards: the time at process start plus the monotonic time since. A correction of the
 * machine's clock while the process runs is therefore not seen, and no lease ends early because of one.
 */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.ceil(delayMs), maximumDelayMs));
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};
