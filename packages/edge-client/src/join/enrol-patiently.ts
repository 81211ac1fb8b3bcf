/** Asks to be let in until it is: before a task begins, while nobody answers, while others have all the places. */
import type { Clock, Random } from "@shoal/actors/browser";
import { isShoalError, ShoalError } from "@shoal/errors";
import { connectEdge, type ConnectEdgeOptions, type EdgeConnection } from "../connect/connect-edge.ts";
import { finalRefusals } from "../connect/enrolment.ts";
import type { ReconnectHints } from "../nats/reconnect-hints.ts";
import { createReconnectPace } from "../nats/reconnect-pace.ts";

export interface PatientOptions extends ConnectEdgeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly hints: ReconnectHints;
  readonly signal: AbortSignal;
  readonly onWaiting: (reason: string) => void;
}

/** @throws ShoalError unauthenticated, permission_denied - it is not let in; invalid_argument - no key, no place; cancelled */
export async function enrolPatiently(options: PatientOptions): Promise<EdgeConnection> {
  const { signal, onWaiting } = options;
  const pace = createReconnectPace(options);
  try {
    for (;;) {
      try {
        return await connectEdge(options);
      } catch (error) {
        if (finalRefusals.some((code) => isShoalError(error, code))) throw error;
        onWaiting(ShoalError.from(error).message);
      }
      await pace.next(signal);
      if (signal.aborted) throw new ShoalError("cancelled", "the client was closed before it was let in");
    }
  } finally {
    pace.close();
  }
}
