/** How a shard gets its first values. */
import type { InitializeReply, Refusal } from "@shoal/protocol";
import { tryTell } from "@shoal/actors";
import { reconsiderPulls } from "./pull.ts";
import { refusal, type InitializeCommand } from "./requests.ts";
import { describeShard, notifyListeners, type ShardState } from "./shard-state.ts";

export function handleInitialize(state: ShardState, command: InitializeCommand, now: number): void {
  const { progress } = state;
  const reply = initialize(state, command.values);
  tryTell<InitializeReply | Refusal>(command.replyTo, reply);
  if (reply.type !== "initialized") return;
  progress.initialized = true;
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
  state.vectors.write(values);
  return { type: "initialized", version: progress.version };
}
