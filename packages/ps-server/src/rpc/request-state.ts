/** What a request at the server knows of itself, and the one way in which it ends. */
import type { Clock, Timer } from "@shoal/actors";
import { ShoalError, type SerializedError } from "@shoal/errors";
import type { LinkIdentity, RequestHead, ResponseOutcome } from "@shoal/protocol";
import type { ServiceBounds } from "./bounds.ts";
import type { IncomingPayload } from "./incoming-payload.ts";
import type { PullCopy } from "./pull-copies.ts";
import type { ShardDesk } from "./shard-desk.ts";

/** What a request needs of its stream. */
export interface RequestSurroundings {
  readonly identity: LinkIdentity;
  readonly clock: Clock;
  readonly bounds: ServiceBounds;
  readonly supply: (place: Uint8Array | "discard") => void;
  /** Sends the response; the request is over. `copy` is released when it has left. */
  readonly answer: (outcome: ResponseOutcome, copy?: PullCopy) => void;
}

export interface RequestState {
  readonly head: RequestHead;
  readonly desk: ShardDesk;
  readonly around: RequestSurroundings;
  readonly deadlineAt: number;
  payload: IncomingPayload;
  phase: "receiving" | "told" | "over";
  timer: Timer | undefined;
  /** The shard has a gradient of ours. */
  lent: boolean;
  /** Takes back a gradient that the shard has not looked at. */
  reclaim: () => void;
  /** Stops waiting for a free copy. */
  queued: { cancel(): void } | undefined;
}

export function remainingMs({ deadlineAt, around }: RequestState): number {
  return Math.max(1, deadlineAt - around.clock.now());
}

export function answer(state: RequestState, outcome: ResponseOutcome, copy?: PullCopy): void {
  if (state.phase === "over") {
    copy?.release();
    return;
  }
  state.phase = "over";
  state.timer?.cancel();
  state.around.answer(outcome, copy);
}

export function fail(state: RequestState, error: SerializedError): void {
  answer(state, { type: "error", error });
}

export function lateError({ desk, around }: RequestState, waitingFor: readonly string[]): ShoalError {
  const whom = waitingFor.length === 0 ? "its own payload" : waitingFor.join(", ");
  return new ShoalError(
    "deadline_exceeded",
    `shard ${desk.shard} of run ${around.identity.run}: ${around.identity.name} waited for ${whom}`,
    { shard: desk.shard, run: around.identity.run, waitingFor: waitingFor.join(", ") },
  );
}
