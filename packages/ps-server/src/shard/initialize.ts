/** How a shard gets its first values. */
import type { InitializeReply, Refusal } from "@shoal/protocol";
import { context } from "@opentelemetry/api";
import { tryTell } from "@shoal/actors";
import { initializeDeadlineMs } from "../replication/bounds.ts";
import { explainRoom } from "../replication/explain-room.ts";
import { deliverWhenCommitted } from "../replication/hold-reply.ts";
import { hasRoom, makeChange } from "../replication/log-change.ts";
import { reconsiderPulls } from "./pull.ts";
import { refusal, type InitializeCommand } from "./requests.ts";
import { describeShard, notifyListeners, type ShardState } from "./shard-state.ts";

export function handleInitialize(state: ShardState, command: InitializeCommand, now: number): void {
  const reply = initialize(state, command.values);
  const say = (told: InitializeReply | Refusal): void => void tryTell(command.replyTo, told);
  if (reply.type === "refused") {
    say(reply);
    return;
  }
  deliverWhenCommitted(state, {
    ...{ kind: "initialize", waiter: "who brought the first values", context: context.active() },
    deadlineAtMs: now + initializeDeadlineMs,
    deliver: () => say(reply),
    refuse: say,
  });
  if (reply.type !== "initialized") return;
  reconsiderPulls(state, now);
  notifyListeners(state);
}

function initialize(state: ShardState, values: Float32Array): InitializeReply | Refusal {
  const { progress, size } = state;
  if (progress.initialized) return { type: "already_initialized", version: progress.version };
  if (values.length !== size) {
    const sentence = `${describeShard(state)} was given ${values.length} initial values for a range of ${size}`;
    return refusal("layout_mismatch", sentence, { expected: size, actual: values.length });
  }
  if (!values.every((value) => Number.isFinite(value))) {
    const details = { shard: state.options.shard };
    return refusal("not_finite", `${describeShard(state)} was given initial values that are not finite`, details);
  }
  if (!hasRoom(state)) {
    const { waitingFor } = explainRoom(state);
    const sentence = `${describeShard(state)} has to wait for ${waitingFor.join(", ")}`;
    return refusal("mailbox_full", sentence, { shard: state.options.shard });
  }
  makeChange(state, { kind: "initialize", contributions: [], weight: 1, vector: values, members: null });
  return { type: "initialized", version: progress.version };
}
