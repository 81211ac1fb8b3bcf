/** A copy follows its primary: carries out the entries that it is sent, takes over a state, and knows who to refuse. */
import { tryTell, type Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { InstallReply, InstallRequest, LogEntry, Refusal, ReplicateReply } from "@shoal/protocol";
import { carryOut } from "../shard/change.ts";
import { refusal } from "../shard/requests.ts";
import { describeShard, type ShardState } from "../shard/shard-state.ts";
import { decideEntry } from "./decide-entry.ts";
import { beginIncoming, decidePart } from "./incoming-state.ts";
import { maximumStateBytes, takeOver } from "./install-state.ts";
import type { Replication } from "./replication.ts";
import { stepDown } from "./step-down.ts";

export function handleReplicate(
  state: ShardState,
  entry: LogEntry,
  replyTo: Ref<ReplicateReply | Refusal>,
  now: number,
): void {
  const { replication } = state;
  tryTell<ReplicateReply | Refusal>(
    replyTo,
    replication === undefined ? unseated(state) : follow(state, replication, entry, now),
  );
}

export function handleInstall(
  state: ShardState,
  part: InstallRequest,
  replyTo: Ref<InstallReply | Refusal>,
  now: number,
): void {
  const { replication } = state;
  tryTell<InstallReply | Refusal>(
    replyTo,
    replication === undefined ? unseated(state) : install(state, replication, part, now),
  );
}

function follow(state: ShardState, replication: Replication, entry: LogEntry, now: number): ReplicateReply | Refusal {
  const { history, role, term } = replication;
  const { index, madeIn } = history;
  const decision = decideEntry({
    known: { term, index, madeIn, madeInThere: history.madeInAt(entry.index) },
    isPrimary: role === "primary",
    entry,
  });
  if (decision.kind === "stale_term") return staleTerm(state, replication, decision.reason);
  acceptTerm(state, replication, entry.term, now);
  if (decision.kind === "gap") return { type: "gap", index: decision.index };
  if (decision.kind === "repeated") return { type: "replicated", index: entry.index };
  return apply(state, replication, entry);
}

function apply(state: ShardState, { history }: Replication, entry: LogEntry): ReplicateReply | Refusal {
  const { vector, kind } = entry;
  if (vector.length !== 0 && vector.length !== state.size) {
    const sentence = `${describeShard(state)} was sent an entry of ${vector.length} values for a range of ${state.size}`;
    return refusal("layout_mismatch", sentence, { expected: state.size, actual: vector.length });
  }
  if (vector.length !== 0 && kind !== "initialize" && state.vectors.offsetOf(vector) === undefined) {
    const sentence = `${describeShard(state)} was sent an entry outside the kernel memory`;
    return refusal("invalid_argument", sentence, { field: "vector" });
  }
  try {
    carryOut(state, { ...entry, vector: vector.length === 0 ? undefined : vector });
  } catch (error) {
    return { type: "refused", error: ShoalError.from(error).toJSON() };
  }
  if (state.progress.version !== entry.version) {
    // It cannot be: the same changes were carried out here. The copy says so and is filled.
    history.replace(0, 0);
    const sentence = `${describeShard(state)} is at version ${state.progress.version} after an entry of version ${entry.version}`;
    return refusal("internal", sentence, { shard: state.options.shard });
  }
  history.add(entry.madeIn);
  return { type: "replicated", index: history.index };
}

function install(
  state: ShardState,
  replication: Replication,
  part: InstallRequest,
  now: number,
): InstallReply | Refusal {
  const { role, term } = replication;
  if (part.term < term || (role === "primary" && part.term === term)) {
    return staleTerm(state, replication, `term ${part.term} is over, term ${term} has begun`);
  }
  acceptTerm(state, replication, part.term, now);
  const decision = decidePart(replication.incoming, part, maximumStateBytes(state));
  if (decision.kind === "refuse") {
    return refusal(decision.code, `${describeShard(state)} was sent ${decision.reason}`, { shard: part.shard });
  }
  try {
    if (decision.kind === "begin") replication.incoming = beginIncoming(part);
    if (decision.kind !== "repeated") replication.incoming?.bytes.set(part.bytes, part.offset);
  } catch (error) {
    return { type: "refused", error: ShoalError.from(error).toJSON() };
  }
  const { incoming } = replication;
  if (incoming === undefined || decision.kind === "repeated") return { type: "installed", done: false };
  incoming.received = part.offset + part.bytes.length;
  if (incoming.received < incoming.bytes.length) return { type: "installed", done: false };
  replication.incoming = undefined;
  return takeOver(state, replication, incoming, now) ?? { type: "installed", done: true };
}

/** A message of a higher term proves that there is a newer seat, in which its sender is the primary. */
function acceptTerm(state: ShardState, replication: Replication, term: number, now: number): void {
  if (term <= replication.term) return;
  if (replication.role === "primary") stepDown(state, replication, now);
  replication.term = term;
  replication.incoming = undefined;
}

function staleTerm(state: ShardState, { term }: Replication, reason: string): Refusal {
  const { run, shard } = state.options;
  return refusal("stale_term", `${describeShard(state)}: ${reason}`, { run, shard, known: term });
}

function unseated(state: ShardState): Refusal {
  const { run, shard } = state.options;
  return refusal("invalid_argument", `${describeShard(state)} has no seat with other copies`, { run, shard });
}
