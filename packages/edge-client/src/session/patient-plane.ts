/**
 * Asks until there is an answer: after a deadline or a lost connection the same request goes again, after a wait that grows
 * and is drawn by lot, or as soon as the connection is back. What was asked of an aggregator that has died is asked of the
 * next one when that says that it is there, and what was asked on a line that broke when there is another, not a deadline
 * later.
 */
import type { Clock, Random } from "@shoal/actors/browser";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { ClientPlane, ClientReply, ClientRequest } from "@shoal/federated";

export interface PatientPlaneOptions {
  readonly plane: ClientPlane;
  readonly clock: Clock;
  readonly random: Random;
  /** A request without an answer is given up after this, and asked again. */
  readonly timeoutMs: number;
  readonly mostWaitMs: number;
  readonly onConnected?: (isConnected: boolean) => void;
}

export interface PatientPlane {
  /** @throws ShoalError cancelled - by the signal; what the aggregator refused, which asking again would not change */
  ask(request: ClientRequest, signal: AbortSignal): Promise<ClientReply>;
  /** Waits so long, or until the connection comes back where `wakes`. @throws ShoalError cancelled */
  sleep(ms: number, signal: AbortSignal, wakes?: boolean): Promise<void>;
  /** Another aggregator has come: what is under way will not be answered, and goes again. */
  askAgain(): void;
  close(): void;
}

const leastWaitMs = 250;
/** Heard by nobody: the request goes again. */
const gone: ShoalError = new ShoalError("transport_lost", "whom it was asked of is gone: the line, or the aggregator");

export function createPatientPlane(options: PatientPlaneOptions): PatientPlane {
  const { plane, clock, random, timeoutMs, mostWaitMs } = options;
  const wakers = new Set<() => void>();
  const underWay = new Set<() => void>();
  let isConnected: boolean | undefined;
  /** That there were so far. */
  let lines = 0;
  const stop = plane.watch((next) => {
    // Each failed attempt to connect again may be told of.
    if (next === isConnected) return;
    isConnected = next;
    options.onConnected?.(next);
    if (!next) return;
    lines += 1;
    for (const giveUp of [...underWay]) giveUp();
    for (const wake of wakers) wake();
  });
  const sleep = (ms: number, signal: AbortSignal, wakes = false): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        timer.cancel();
        wakers.delete(wake);
        signal.removeEventListener("abort", abort);
        end();
      };
      const wake = (): void => settle(resolve);
      const abort = (): void => settle(() => reject(cancelled(signal)));
      const timer = clock.after(ms, wake);
      if (wakes) wakers.add(wake);
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) abort();
    });
  return {
    async ask(request, signal) {
      for (let [tries, line] = [0, lines]; ; tries += 1) {
        if (signal.aborted) throw cancelled(signal);
        try {
          return await wanted(plane.request(request, timeoutMs), { signal, underWay });
        } catch (error) {
          if (!isPassing(error)) throw error;
          // Somebody else is there: what was in vain so far says nothing of them.
          if (error === gone || line !== lines) tries = 0;
          line = lines;
        }
        // Full jitter: clients that were cut off together do not come back together.
        const longestMs = Math.min(leastWaitMs * 2 ** tries, mostWaitMs);
        await sleep(leastWaitMs / 2 + random.uniform() * longestMs, signal, true);
      }
    },
    sleep,
    askAgain() {
      for (const giveUp of [...underWay]) giveUp();
    },
    close: stop,
  };
}

/** Until it is answered or given up: who does not want the answer any more does not wait for it. */
function wanted<T>(
  answer: Promise<T>,
  { signal, underWay }: { readonly signal: AbortSignal; readonly underWay: Set<() => void> },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      underWay.delete(giveUp);
      signal.removeEventListener("abort", abort);
      end();
    };
    const giveUp = (): void => settle(() => reject(gone));
    const abort = (): void => settle(() => reject(cancelled(signal)));
    underWay.add(giveUp);
    signal.addEventListener("abort", abort, { once: true });
    answer.then(
      (reply) => settle(() => resolve(reply)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

/** Whether the same request may be answered later. */
function isPassing(error: unknown): boolean {
  return (["deadline_exceeded", "transport_lost", "no_capacity", "cancelled", "stale_term"] as const).some((code) =>
    isShoalError(error, code),
  );
}

function cancelled(signal: AbortSignal): ShoalError {
  return ShoalError.from(signal.reason ?? new ShoalError("cancelled", "the client was closed"));
}
