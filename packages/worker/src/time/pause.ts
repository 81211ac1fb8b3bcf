/** Waiting on the injected clock. */
import type { Clock } from "@shoal/actors";

/** Settles after `delayMs`, or as soon as one of the signals is aborted; the caller looks which it was. */
export async function pause(clock: Clock, delayMs: number, ...signals: readonly AbortSignal[]): Promise<void> {
  if (signals.some((signal) => signal.aborted)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  const timer = clock.after(delayMs, wake);
  for (const signal of signals) signal.addEventListener("abort", wake, { once: true });
  await promise;
  timer.cancel();
  for (const signal of signals) signal.removeEventListener("abort", wake);
}
