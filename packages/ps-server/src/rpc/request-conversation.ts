/** What a request says to its shard once its payload is here, and what it makes of the reply. */
import { ShoalError, type SerializedError } from "@shoal/errors";
import type { PullReply, PushHeader, PushReply } from "@shoal/protocol";
import type { PullCommand } from "../shard/requests.ts";
import type { PullCopy } from "./pull-copies.ts";
import { answer, fail, remainingMs, type RequestState } from "./request-state.ts";
import { tellInitialize, tellPull, tellPush } from "./tell-shard.ts";

type Asked = Pick<PullCommand, "clock" | "have" | "former">;

const emptyGradient = new Float32Array(0);

/** The payload is complete: the shard hears of it. */
export function tellRequest(state: RequestState): void {
  const { kind } = state.head;
  state.phase = "told";
  switch (kind.type) {
    case "initialize":
      return initialize(state);
    case "push":
      return push(state, kind.push, (reply) => answer(state, { type: "push", reply }));
    case "pull":
      return pull(state, kind, (reply, copy) => answer(state, { type: "pull", reply }, copy));
    case "push_pull":
      return push(state, kind.push, (pushed) =>
        pull(state, { clock: kind.pullClock, have: kind.have }, (reply, copy) =>
          answer(state, { type: "push_pull", push: pushed, pull: reply }, copy),
        ),
      );
    // Servers' requests are conversations of their own (`replica-request.ts`).
    case "replicate":
    case "install":
    case "cancel":
      return;
  }
}

function asking(state: RequestState) {
  const { desk, around, head } = state;
  return { desk, sender: around.identity, deadlineMs: remainingMs(state), trace: head.trace };
}

function initialize(state: RequestState): void {
  const place = state.payload.take();
  const heard: Parameters<typeof tellInitialize>[0]["heard"] = (result) => {
    place?.release();
    if (result.kind === "error") fail(state, result.error);
    else answer(state, { type: "initialize", reply: result.reply });
  };
  tellInitialize({ ...asking(state), heard }, place?.floats.subarray(0, state.desk.keys) ?? emptyGradient);
}

function push(state: RequestState, header: PushHeader, done: (reply: PushReply) => void): void {
  const place = state.payload.take();
  const dropped = place === undefined && header.samples > 0;
  const heard: Parameters<typeof tellPush>[0]["heard"] = (result) => {
    if (state.phase === "over") state.timer?.cancel();
    else if (result.kind === "error") fail(state, dropped ? overtaken(state, result.error) : result.error);
    else done(result.reply);
  };
  const release = (): void => {
    state.lent = false;
    place?.release();
  };
  const words = state.head.totalBytes / 4;
  const loan = { gradient: place?.floats.subarray(0, words) ?? emptyGradient, release };
  state.lent = place !== undefined;
  state.reclaim = tellPush({ ...asking(state), heard }, header, loan);
}

/** Tells the shard once there is room for its values; when others took the room meanwhile, waits and tells it again. */
function pull(state: RequestState, asked: Asked, done: (reply: PullReply, copy: PullCopy | undefined) => void): void {
  let copy: PullCopy | undefined;
  let failure: ShoalError | undefined;
  const receive: PullCommand["receive"] = (data, version, form): void => {
    if (state.phase === "over") return;
    try {
      const { copies } = state.desk;
      const { name } = state.around.identity;
      copy = form === undefined ? copies.take(data, version, name) : copies.takeOwn(data, name);
    } catch (error) {
      failure = ShoalError.from(error);
    }
  };
  const heard: Parameters<typeof tellPull>[0]["heard"] = (result) => {
    if (state.phase === "over") copy?.release();
    else if (result.kind === "error") fail(state, result.error);
    else if (failure !== undefined) fail(state, failure.toJSON());
    else if (copy !== undefined || result.reply.form === "unchanged") done(result.reply, copy);
    else pull(state, asked, done);
  };
  let told = false;
  const ticket = state.desk.copies.whenFree(() => {
    told = true;
    state.queued = undefined;
    // Values that everybody gets alike may share a copy; a difference has to be taken by the pull that it is made for.
    const hasRoom = state.desk.payloads.differenceWords === 0 ? undefined : () => state.desk.copies.hasRoom();
    tellPull({ ...asking(state), heard }, asked, receive, hasRoom);
  });
  if (!told) state.queued = ticket;
}

/**
 * A gradient was dropped because the shard had no use for it, and when the shard came to the push it had: what it waited
 * for had been given up meanwhile. The worker is to send it again.
 */
function overtaken({ desk, around }: RequestState, error: SerializedError): SerializedError {
  if (error.code !== "layout_mismatch") return error;
  const sentence = `shard ${desk.shard}: the push of ${around.identity.name} was overtaken while it came in; repeat it`;
  return new ShoalError("deadline_exceeded", sentence, {
    shard: desk.shard,
    waitingFor: "its own earlier push",
  }).toJSON();
}
