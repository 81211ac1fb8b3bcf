/** Hearing of the end of a signal whose reasons are ShoalErrors. */
import { ShoalError } from "@shoal/errors";

/**
 * Calls `tell` with the reason, at once if the signal is aborted already.
 * @returns listens no more
 */
export function whenAborted(signal: AbortSignal | undefined, tell: (reason: ShoalError) => void): () => void {
  if (signal === undefined) return () => undefined;
  const heard = (): void => tell(ShoalError.from(signal.reason));
  if (signal.aborted) heard();
  else signal.addEventListener("abort", heard, { once: true });
  return () => signal.removeEventListener("abort", heard);
}
