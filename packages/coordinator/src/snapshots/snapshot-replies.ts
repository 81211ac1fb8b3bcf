/** What servers say of the shards that they save. Idempotent. */
import type { FlatIntervals, ServerReply } from "@shoal/protocol";
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
    const reason = `${reply.node}: ${sentenceOf(reply.error)}`;
    if (reply.passed === null) return failSnapshot(run, reason);
    // Not worth a word: the next one is named further ahead, and at once.
    const { lead } = run.snapshots;
    const passed = Math.max(run.snapshots.passed, reply.passed);
    return withSnapshots(run, { underWay: null, isWanted: true, lead: longerLead(lead), passed });
  }
  const saved = new Map(underWay.saved);
  for (const shard of reply.shards) if (run.seats.has(shard.shard)) saved.set(shard.shard, shard);
  const done = underWay.done === null ? reply.done : intersection(underWay.done, reply.done);
  const blockedMs = Math.max(underWay.blockedMs, reply.blockedMs);
  return withSnapshots(run, { underWay: { ...underWay, saved, done, blockedMs } });
}

/** `a ∩ b` = a ∖ (a ∖ b). */
function intersection(a: FlatIntervals, b: FlatIntervals): FlatIntervals {
  const [left, right] = [unflat(a), unflat(b)];
  const common: IntervalSet = subtractSet(left, subtractSet(left, right));
  return common.flatMap(({ begin, end }) => [begin, end]);
}
