/**
 * One request of a worker, from its first frame to the end of its response.
 *
 * It receives its payload into a staging region, tells the shard, and answers. Whatever happens to the stream, the
 * regions it holds are given back: at once when it alone uses them, and when the shard lets go otherwise.
 *
 * Invariants
 *   R1  Answered at most once; at the latest `shardGraceMs` after its deadline.
 *   R2  A gradient that the shard has looked at stays in its region until the shard releases it; one that it has not
 *       looked at when that grace is over is taken back.
 */
import type { Timer } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { PayloadPlace, PushHeader, RequestHead } from "@shoal/protocol";
import { shardGraceMs, stagingPatienceMs } from "./bounds.ts";
import { decideGiveWay } from "./give-way.ts";
import { createIncomingPayload } from "./incoming-payload.ts";
import { tellRequest } from "./request-conversation.ts";
import type { PullCopies } from "./pull-copies.ts";
import { fail, lateError, type RequestState, type RequestSurroundings } from "./request-state.ts";
import type { ShardDesk } from "./shard-desk.ts";
import type { StagingRequest } from "./staging-pool.ts";

export interface ServerRequest {
  readonly request: number;
  begin(payloadBytes: number): PayloadPlace;
  next(offset: number, payloadBytes: number): PayloadPlace;
  /** @returns true when the whole payload has come */
  frameEnd(): boolean;
  /** The worker does not want the answer any more, or can no longer be reached. */
  drop(streamIsOver: boolean): void;
}

export function createServerRequest(head: RequestHead, desk: ShardDesk, around: RequestSurroundings): ServerRequest {
  const { clock, bounds } = around;
  const allowedMs = Math.min(
    head.deadlineMs === 0 ? bounds.maximumDeadlineMs : head.deadlineMs,
    bounds.maximumDeadlineMs,
  );
  const state: RequestState = {
    head,
    desk,
    around,
    deadlineAt: clock.now() + allowedMs,
    payload: createIncomingPayload({
      totalBytes: head.totalBytes,
      request: (settle) => requestRegion(state, settle),
      supply: around.supply,
      failed: (error) => fail(state, error.toJSON()),
    }),
    phase: "receiving",
    timer: undefined,
    lent: false,
    reclaim: () => undefined,
    queued: undefined,
  };
  state.timer = clock.after(allowedMs, () => expire(state));
  return {
    request: head.request,
    begin: (payloadBytes) => state.payload.begin(payloadBytes),
    next: (offset, payloadBytes) => state.payload.next(offset, payloadBytes),
    frameEnd() {
      const complete = state.payload.frameEnd();
      if (complete && state.phase === "receiving") tellRequest(state);
      return complete;
    },
    drop(streamIsOver) {
      state.payload.abandon(streamIsOver);
      state.queued?.cancel();
      // The shard was lent a gradient: the timer stays, for R2.
      if (state.phase !== "told" || !state.lent) state.timer?.cancel();
      state.phase = "over";
    },
  };
}

/** Asks for a region; while it waits, looks every so often whether it holds itself up (see `give-way.ts`). */
function requestRegion(state: RequestState, settle: StagingRequest["settle"]): { cancel(): void } {
  const { desk, around, head } = state;
  const { worker, incarnation } = around.identity;
  const header = pushOf(head);
  const verdict =
    header === undefined
      ? (): "next" => "next"
      : () => {
          const { sequence, clock, batch, batches } = header;
          return desk.admission.decide({ worker, incarnation, sequence, clock, batch, batches });
        };
  let patience: Timer | undefined;
  let settled = false;
  const look = (): void => {
    const reason = decideGiveWay(verdict(), worker, desk.admission.frontOwner());
    if (reason === undefined) patience = around.clock.after(stagingPatienceMs, look);
    else giveWay(state, reason);
  };
  const ticket = desk.staging.request({
    owner: around.identity.name,
    verdict,
    settle(answer) {
      settled = true;
      patience?.cancel();
      settle(answer);
    },
  });
  if (!settled) patience = around.clock.after(stagingPatienceMs, look);
  return {
    cancel() {
      patience?.cancel();
      ticket.cancel();
    },
  };
}

function giveWay(state: RequestState, reason: string): void {
  const { desk, around } = state;
  const where = `shard ${desk.shard} of run ${around.identity.run}`;
  state.payload.abandon(false);
  fail(state, new ShoalError("mailbox_full", `${where}: ${reason}`, { shard: desk.shard }).toJSON());
}

function pushOf({ kind }: RequestHead): PushHeader | undefined {
  return kind.type === "push" || kind.type === "push_pull" ? kind.push : undefined;
}

/** Those who take their time to read the copies that they were given. */
function copyHolders(copies: PullCopies): readonly string[] {
  return copies.readers().map((name) => `${name} to read its values`);
}

function expire(state: RequestState): void {
  const { desk, around } = state;
  if (state.phase === "receiving" || state.queued !== undefined) {
    const error = lateError(state, state.queued === undefined ? desk.staging.owners() : copyHolders(desk.copies));
    state.payload.abandon(false);
    state.queued?.cancel();
    fail(state, error.toJSON());
    return;
  }
  state.timer = around.clock.after(shardGraceMs, () => {
    state.reclaim();
    fail(state, lateError(state, [`shard ${desk.shard}`]).toJSON());
  });
}
