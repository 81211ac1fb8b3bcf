/** Descriptions of shards, cut down to what the control plane carries. */
import type { ActorSystem, Ref } from "@shoal/actors";
import type { ShardCommand, ShardDescription, ShardSummary } from "@shoal/protocol";

/** Limits of the control plane's schema: entries, names of an entry, characters of a name and of a reason. */
const maximumWaits = 64;
const maximumNames = 64;
const maximumName = 128;
const maximumReason = 256;

export async function summarize(
  system: ActorSystem,
  shards: readonly Ref<ShardCommand>[],
  deadlineMs: number,
): Promise<readonly ShardSummary[]> {
  const outcomes = await system
    .group(shards)
    .askAll<ShardDescription>((replyTo) => ({ type: "describe", replyTo }), { deadlineMs, reason: "to describe it" });
  return outcomes.map((outcome) => {
    if (outcome.kind === "failed") throw outcome.error;
    return summaryOf(outcome.reply, system.clock.now());
  });
}

/** Leaves out the update log, and what is beyond the limits. @param now ms, in the shard's clock */
function summaryOf(description: ShardDescription, now: number): ShardSummary {
  const { shard, version, initialized, batchesApplied, duplicates, rejected, bytesMoved } = description;
  const { stalenessMean, stalenessMax, stalenessP95, gradientNorm, updateRatio, bound, seat } = description;
  return {
    shard,
    version,
    initialized,
    batchesApplied,
    duplicates,
    rejected,
    bytesMoved,
    stalenessMean,
    stalenessMax,
    stalenessP95,
    gradientNorm,
    updateRatio,
    bound,
    ...(seat !== undefined && { seat }),
    waits: description.waits.slice(0, maximumWaits).map((wait) => ({
      waiter: wait.waiter.slice(0, maximumName),
      waitingFor: wait.waitingFor.slice(0, maximumNames),
      reason: wait.reason.slice(0, maximumReason),
      forMs: Math.max(0, now - wait.sinceMs),
    })),
  };
}
