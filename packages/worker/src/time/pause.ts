/** Waiting on the injected clock. */
import type { Clock } from "@shoal/actors";

/** Settles after `delayMs`, or as soon as the signal is aborted; the caller looks which it was. */
export async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  const timer = clock.after(delayMs, wake);
  signal.addEventListener("abort", wake, { once: true });
  await promise;
  timer.cancel();
  signal.removeEventListener("abort", wake);
}
