/** Waiting for something that cannot be called off itself. */
import { ShoalError } from "@shoal/errors";

/**
 * Settles as `work` does, or with `cancelled` as soon as the signal is aborted. `work` goes on then; nobody hears of it.
 * @param what a phrase for the error: "waiting for batches of run r"
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal, what: string): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(new ShoalError("cancelled", `${what} was called off`));
  if (signal.aborted) giveUp();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
