/**
 * One request of another server, from its first frame to the end of its response: an entry of a shard's log, whose vector
 * is received into a staging region as that of a push is, or a part of a shard's state.
 *
 * Invariants
 *   R1  Answered at most once; at the latest `shardGraceMs` after its deadline.
 *   R2  What the shard has looked at stays in its place until the shard answers; an entry that it has not looked at when
 *       that grace is over is taken back.
 *   R3  Requests of one stream to one shard reach it in their order: the next one's payload is read after this one's.
 */
import type { Clock, Timer } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { PeerIdentity, RequestHead, ResponseOutcome } from "@shoal/protocol";
import { shardGraceMs, type ServiceBounds } from "./bounds.ts";
import { createIncomingPayload, type IncomingPayload } from "./incoming-payload.ts";
import type { ServerRequest } from "./server-request.ts";
import type { ShardDesk } from "./shard-desk.ts";
import { tellInstall, tellReplicate, type Heard } from "./tell-shard.ts";

export interface ReplicaSurroundings {
  readonly identity: PeerIdentity;
  readonly clock: Clock;
  readonly bounds: ServiceBounds;
  readonly supply: (place: Uint8Array | "discard") => void;
  readonly answer: (outcome: ResponseOutcome) => void;
}

interface ReplicaRequest {
  readonly head: RequestHead;
  readonly desk: ShardDesk;
  readonly around: ReplicaSurroundings;
  readonly payload: IncomingPayload;
  phase: "receiving" | "told" | "over";
  timer: Timer | undefined;
  /** Takes the place back from a shard that has not looked at it. */
  reclaim: () => void;
}

export function createReplicaRequest(head: RequestHead, desk: ShardDesk, around: ReplicaSurroundings): ServerRequest {
  const { clock, bounds } = around;
  const allowedMs = Math.min(head.deadlineMs || bounds.maximumDeadlineMs, bounds.maximumDeadlineMs);
  const state: ReplicaRequest = {
    head,
    desk,
    around,
    payload: createIncomingPayload({
      totalBytes: head.totalBytes,
      request: (settle) =>
        head.kind.type === "install"
          ? desk.parts.request(head.totalBytes, settle)
          : desk.staging.request({ owner: around.identity.name, verdict: () => "next", settle }),
      supply: around.supply,
      failed: (error) => fail(state, error),
    }),
    phase: "receiving",
    timer: undefined,
    reclaim: () => undefined,
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
      // The shard was told: the timer stays, for R2.
      if (state.phase !== "told") state.timer?.cancel();
      state.phase = "over";
    },
  };
}

function tell(state: ReplicaRequest): void {
  const { head, desk } = state;
  const { kind, trace } = head;
  const place = state.payload.take();
  state.phase = "told";
  const hear = <R>(heard: Heard<R>, outcomeOf: (reply: R) => ResponseOutcome): void => {
    place?.release();
    state.timer?.cancel();
    answer(state, heard.kind === "error" ? { type: "error", error: heard.error } : outcomeOf(heard.reply));
  };
  const release = (): void => place?.release();
  if (kind.type === "replicate") {
    const vector = place?.floats.subarray(0, head.totalBytes / 4) ?? noVector;
    const heard: Parameters<typeof tellReplicate>[0]["heard"] = (told) =>
      hear(told, (reply) => ({ type: "replicate", reply }));
    state.reclaim = tellReplicate({ desk, trace, heard }, { ...kind.entry, vector }, release);
  } else if (kind.type === "install") {
    const heard: Parameters<typeof tellInstall>[0]["heard"] = (told) =>
      hear(told, (reply) => ({ type: "install", reply }));
    state.reclaim = tellInstall({ desk, trace, heard }, { ...kind.part, bytes: place?.bytes ?? noBytes }, release);
  }
}

const noVector = new Float32Array(0);
const noBytes = new Uint8Array(0);

function answer(state: ReplicaRequest, outcome: ResponseOutcome): void {
  if (state.phase === "over") return;
  state.phase = "over";
  state.timer?.cancel();
  state.around.answer(outcome);
}

function fail(state: ReplicaRequest, error: ShoalError): void {
  answer(state, { type: "error", error: error.toJSON() });
}

function expire(state: ReplicaRequest): void {
  const { around, desk } = state;
  if (state.phase === "receiving") {
    const error = late(state, desk.staging.owners());
    state.payload.abandon(false);
    fail(state, error);
    return;
  }
  state.timer = around.clock.after(shardGraceMs, () => {
    state.reclaim();
    fail(state, late(state, [`shard ${desk.shard}`]));
  });
}

function late({ desk, around }: ReplicaRequest, owners: readonly string[]): ShoalError {
  const { run, name } = around.identity;
  const waitingFor = owners.length === 0 ? "its own payload" : owners.join(", ");
  const sentence = `copy of shard ${desk.shard} of run ${run}: ${name} waited for ${waitingFor}`;
  return new ShoalError("deadline_exceeded", sentence, { shard: desk.shard, run, waitingFor });
}
