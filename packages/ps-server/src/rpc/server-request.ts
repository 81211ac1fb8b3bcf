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
import type { Clock, Timer } from "@shoal/actors";
import { ShoalError, type SerializedError } from "@shoal/errors";
import type { LinkIdentity, PayloadPlace, PushHeader, PushReply, RequestHead, ResponseOutcome } from "@shoal/protocol";
import { shardGraceMs, type ServiceBounds } from "./bounds.ts";
import { createIncomingPayload, type IncomingPayload } from "./incoming-payload.ts";
import type { PullCopy } from "./pull-copies.ts";
import type { ShardDesk } from "./shard-desk.ts";
import type { StagingRequest } from "./staging-pool.ts";
import { tellInitialize, tellPull, tellPush } from "./tell-shard.ts";

export interface ServerRequest {
  readonly request: number;
  begin(payloadBytes: number): PayloadPlace;
  next(offset: number, payloadBytes: number): PayloadPlace;
  /** @returns true when the whole payload has come */
  frameEnd(): boolean;
  /** The worker does not want the answer any more, or can no longer be reached. */
  drop(streamIsOver: boolean): void;
}

/** What a request needs of its stream. */
export interface RequestSurroundings {
  readonly identity: LinkIdentity;
  readonly clock: Clock;
  readonly bounds: ServiceBounds;
  readonly supply: (place: Uint8Array | "discard") => void;
  /** Sends the response; the request is over. `copy` is released when it has left. */
  readonly answer: (outcome: ResponseOutcome, copy?: PullCopy) => void;
}

interface State {
  readonly head: RequestHead;
  readonly desk: ShardDesk;
  readonly around: RequestSurroundings;
  readonly deadlineAt: number;
  payload: IncomingPayload;
  phase: "receiving" | "told" | "over";
  timer: Timer | undefined;
  /** Takes back a gradient that the shard has not looked at. */
  reclaim: () => void;
  /** Stops waiting for a free copy. */
  queued: { cancel(): void } | undefined;
}

const emptyGradient = new Float32Array(0);

export function createServerRequest(head: RequestHead, desk: ShardDesk, around: RequestSurroundings): ServerRequest {
  const { clock, bounds } = around;
  const allowedMs = Math.min(
    head.deadlineMs === 0 ? bounds.maximumDeadlineMs : head.deadlineMs,
    bounds.maximumDeadlineMs,
  );
  const state: State = {
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
      if (complete && state.phase === "receiving") tell(state);
      return complete;
    },
    drop(streamIsOver) {
      state.payload.abandon(streamIsOver);
      state.queued?.cancel();
      // Told: the timer stays, for R2.
      if (state.phase === "receiving") state.timer?.cancel();
      state.phase = "over";
    },
  };
}

function requestRegion(state: State, settle: StagingRequest["settle"]): { cancel(): void } {
  const { desk, around, head } = state;
  const { worker, incarnation } = around.identity;
  const header = pushOf(head);
  const verdict =
    header === undefined
      ? (): "next" => "next"
      : () => {
          const { sequence, clock, batch } = header;
          return desk.admission.decide({ worker, incarnation, sequence, clock, batch });
        };
  return desk.staging.request({ owner: around.identity.name, verdict, settle });
}

function pushOf({ kind }: RequestHead): PushHeader | undefined {
  return kind.type === "push" || kind.type === "push_pull" ? kind.push : undefined;
}

function remainingMs({ deadlineAt, around }: State): number {
  return Math.max(1, deadlineAt - around.clock.now());
}

function answer(state: State, outcome: ResponseOutcome, copy?: PullCopy): void {
  if (state.phase === "over") {
    copy?.release();
    return;
  }
  state.phase = "over";
  state.timer?.cancel();
  state.around.answer(outcome, copy);
}

function fail(state: State, error: SerializedError): void {
  answer(state, { type: "error", error });
}

/** The payload is complete: the shard hears of it. */
function tell(state: State): void {
  const { kind } = state.head;
  state.phase = "told";
  switch (kind.type) {
    case "initialize":
      return initialize(state);
    case "push":
      return push(state, kind.push, (reply) => answer(state, { type: "push", reply }));
    case "pull":
      return pull(state, kind.clock, (version, copy) =>
        answer(state, { type: "pull", reply: { type: "values", version } }, copy),
      );
    case "push_pull":
      return push(state, kind.push, (pushed) =>
        pull(state, kind.pullClock, (version, copy) =>
          answer(state, { type: "push_pull", push: pushed, pull: { type: "values", version } }, copy),
        ),
      );
    case "cancel":
      return;
  }
}

function asking(state: State) {
  const { desk, around, head } = state;
  return { desk, sender: around.identity, deadlineMs: remainingMs(state), trace: head.trace };
}

function initialize(state: State): void {
  const place = state.payload.take();
  const heard: Parameters<typeof tellInitialize>[0]["heard"] = (result) => {
    place?.release();
    if (result.kind === "error") fail(state, result.error);
    else answer(state, { type: "initialize", reply: result.reply });
  };
  tellInitialize({ ...asking(state), heard }, place?.floats ?? emptyGradient);
}

function push(state: State, header: PushHeader, done: (reply: PushReply) => void): void {
  const place = state.payload.take();
  const dropped = place === undefined && header.samples > 0;
  const heard: Parameters<typeof tellPush>[0]["heard"] = (result) => {
    if (result.kind === "error") fail(state, dropped ? overtaken(state, result.error) : result.error);
    else if (state.phase !== "over") done(result.reply);
    else state.timer?.cancel();
  };
  const loan = { gradient: place?.floats ?? emptyGradient, release: () => place?.release() };
  state.reclaim = tellPush({ ...asking(state), heard }, header, loan);
}

/** Tells the shard once there is room for its values; when others took the room meanwhile, waits and tells it again. */
function pull(state: State, clock: number, done: (version: number, copy: PullCopy) => void): void {
  let copy: PullCopy | undefined;
  let failure: ShoalError | undefined;
  const receive = (values: Float32Array, version: number): void => {
    if (state.phase === "over") return;
    try {
      copy = state.desk.copies.take(values, version);
    } catch (error) {
      failure = ShoalError.from(error);
    }
  };
  const heard: Parameters<typeof tellPull>[0]["heard"] = (result) => {
    if (state.phase === "over") {
      copy?.release();
      state.timer?.cancel();
    } else if (result.kind === "error") fail(state, result.error);
    else if (failure !== undefined) fail(state, failure.toJSON());
    else if (copy !== undefined) done(result.reply.version, copy);
    else pull(state, clock, done);
  };
  let told = false;
  const ticket = state.desk.copies.whenFree(() => {
    told = true;
    state.queued = undefined;
    tellPull({ ...asking(state), heard }, clock, receive);
  });
  if (!told) state.queued = ticket;
}

/**
 * A gradient was dropped because the shard had no use for it, and when the shard came to the push it had: what it waited
 * for had been given up meanwhile. The worker is to send it again.
 */
function overtaken({ desk, around }: State, error: SerializedError): SerializedError {
  if (error.code !== "layout_mismatch") return error;
  const sentence = `shard ${desk.shard}: the push of ${around.identity.name} was overtaken while it came in; repeat it`;
  return new ShoalError("deadline_exceeded", sentence, {
    shard: desk.shard,
    waitingFor: "its own earlier push",
  }).toJSON();
}

function expire(state: State): void {
  const { desk, around } = state;
  if (state.phase === "receiving" || state.queued !== undefined) {
    const error = lateError(state, state.queued === undefined ? desk.staging.owners() : ["a free copy of the values"]);
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

function lateError({ desk, around }: State, waitingFor: readonly string[]): ShoalError {
  const whom = waitingFor.length === 0 ? "its own payload" : waitingFor.join(", ");
  return new ShoalError(
    "deadline_exceeded",
    `shard ${desk.shard} of run ${around.identity.run}: ${around.identity.name} waited for ${whom}`,
    { shard: desk.shard, run: around.identity.run, waitingFor: waitingFor.join(", ") },
  );
}
