/** What servers say of the shards, and workers of the slots that they save. Idempotent. */
import type { FlatIntervals, ServerReply, WorkerReply } from "@shoal/protocol";
import { sentenceOf } from "../runs/end-run.ts";
import { isUnderWay, type RunState } from "../runs/run-state.ts";
import { subtractSet, type IntervalSet } from "../leases/interval-set.ts";
import { unflat } from "../journal/run-records.ts";
import { failSnapshot, withSnapshots } from "./advance-snapshots.ts";
import { longerLead } from "./decide-snapshot.ts";

type SavingReply = Extract<ServerReply, { readonly type: "shards_saved" | "saving_failed" }>;

export function savingReplied(run: RunState, reply: SavingReply): RunState {
  const { underWay } = run.snapshots;
  if (!isUnderWay(run) || underWay?.snapshot !== reply.snapshot || underWay.publishingSinceMs !== null) return run;
  if (reply.type === "saving_failed") {
    return notSaved(run, reply);
  }
  const saved = new Map(underWay.saved);
  for (const shard of reply.shards) if (run.seats.has(shard.shard)) saved.set(shard.shard, shard);
  const done = underWay.done === null ? reply.done : intersection(underWay.done, reply.done);
  const blockedMs = Math.max(underWay.blockedMs, reply.blockedMs);
  return withSnapshots(run, { underWay: { ...underWay, saved, done, blockedMs } });
}

type SlotReply = Extract<WorkerReply, { readonly type: "slots_saved" | "slots_not_saved" }>;

export function slotsReplied(run: RunState, reply: SlotReply): RunState {
  const { underWay } = run.snapshots;
  if (!isUnderWay(run) || underWay?.snapshot !== reply.snapshot || underWay.publishingSinceMs !== null) return run;
  if (reply.type === "slots_not_saved") return notSaved(run, reply);
  const slots = new Map(underWay.slots);
  for (const each of reply.slots) if (each.slot < run.slots) slots.set(each.slot, each);
  return withSnapshots(run, { underWay: { ...underWay, slots } });
}

type Failure = Extract<SavingReply | SlotReply, { readonly type: "saving_failed" | "slots_not_saved" }>;

function notSaved(run: RunState, { node, error, passed }: Failure): RunState {
  if (passed === null) return failSnapshot(run, `${node}: ${sentenceOf(error)}`);
  // Not worth a word: the next one is named further ahead, and at once.
  const { snapshots } = run;
  const beyond = Math.max(snapshots.passed, passed);
  return withSnapshots(run, { underWay: null, isWanted: true, lead: longerLead(snapshots.lead), passed: beyond });
}

/** `a ∩ b` = a ∖ (a ∖ b). */
function intersection(a: FlatIntervals, b: FlatIntervals): FlatIntervals {
  const [left, right] = [unflat(a), unflat(b)];
  const common: IntervalSet = subtractSet(left, subtractSet(left, right));
  return common.flatMap(({ begin, end }) => [begin, end]);
}
