/** Waiting with a limit for something whose outcome does not matter. */
import type { Clock } from "@shoal/actors";

/** Settles when `work` has settled, whichever way, or after `limitMs`. */
export async function atMost(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  const { promise: limit, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(limitMs, resolve);
  const settled = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, limit]);
  timer.cancel();
}
