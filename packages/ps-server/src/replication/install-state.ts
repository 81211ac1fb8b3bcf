/** Takes over a state that has come whole. */
import { ShoalError } from "@shoal/errors";
import type { Refusal, RunMembers, ShardSnapshot } from "@shoal/protocol";
import { refusal } from "../shard/requests.ts";
import { createRoster } from "../shard/roster.ts";
import { describeShard, type ShardState } from "../shard/shard-state.ts";
import { restoreSnapshot } from "../shard/snapshot.ts";
import { decodeState } from "../state-file/decode-state.ts";
import { maximumHeaderBytes } from "../state-file/state-layout.ts";
import type { IncomingState } from "./incoming-state.ts";
import type { Replication } from "./replication.ts";

/** Workers whose vectors the compensation of delays keeps, each two, beside the values, the slots and a buffer. */
const compensatedWorkers = 4096;

/** What the state of this shard can be long at most. */
export function maximumStateBytes({ size, vectors }: ShardState): number {
  const compensation = vectors.compensation === undefined ? 0 : 2 * compensatedWorkers + 1;
  const count = 2 + vectors.optimizer.slotNames.length + compensation;
  return maximumHeaderBytes + count * (size * 4 + 64);
}

interface CopiedState {
  readonly snapshot: ShardSnapshot;
  readonly index: number;
  readonly madeIn: number;
  readonly members: RunMembers;
}

/** @returns why it was not taken over; all is as it was then */
export function takeOver(
  state: ShardState,
  replication: Replication,
  incoming: IncomingState,
  now: number,
): Refusal | undefined {
  let copied: CopiedState;
  try {
    copied = checkCopied(decodeState(incoming.bytes), incoming.index);
  } catch (error) {
    const sentence = `${describeShard(state)} was sent a state that it cannot use: ${ShoalError.from(error).message}`;
    return refusal("snapshot_corrupt", sentence, { shard: state.options.shard });
  }
  // A server that lost its memory and was made primary all the same must not empty the copies as well.
  if (state.progress.initialized && !hasValues(copied)) {
    const sentence = `${describeShard(state)} has values and was sent a state without any`;
    return refusal("snapshot_corrupt", sentence, { shard: state.options.shard });
  }
  const { roster } = state;
  state.roster = createRoster(copied.members);
  const outcome = restoreSnapshot(state, copied.snapshot, now);
  if (outcome.type === "refused") {
    state.roster = roster;
    // A part of it has been taken over: what is here is nobody's state.
    if (outcome.error.code === "out_of_memory") replication.history.replace(0, 0);
    return outcome;
  }
  replication.history.replace(copied.index, copied.madeIn);
  return undefined;
}

function hasValues({ snapshot }: CopiedState): boolean {
  return (Object(snapshot.progress) as { readonly initialized?: unknown }).initialized === true;
}

/** @throws RangeError naming what is wrong */
function checkCopied(value: unknown, index: number): CopiedState {
  const found = Object(value) as Partial<CopiedState>;
  if (found.index !== index) throw new RangeError(`it is of entry ${found.index}, not of entry ${index}`);
  if (!Number.isSafeInteger(found.madeIn)) throw new RangeError(`its newest entry was made in term ${found.madeIn}`);
  if (!Array.isArray(found.members?.workers) || !Array.isArray(found.members.slotOwners)) {
    throw new RangeError("it has no member list");
  }
  if (typeof found.snapshot !== "object") throw new RangeError("it has no snapshot");
  return value as CopiedState;
}
