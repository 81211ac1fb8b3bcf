/** A wait with an end, on the injected clock. */
import type { Clock } from "./clock.ts";

/** Settles true when `work` has settled (whichever way), false when `limitMs` went by first. Never rejects. */
export function settledWithin(clock: Clock, work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = clock.after(limitMs, () => {
    resolve(false);
  });
  const done = (): void => {
    timer.cancel();
    resolve(true);
  };
  work.then(done, done);
  return promise;
}
