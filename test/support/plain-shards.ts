/** Shards of a hosting whose values are all updated by the optimiser as it is. */
import type { HostShards, ShardAssignment } from "@shoal/protocol";

export function plainShards(
  ...shards: readonly Omit<ShardAssignment, "updates">[]
): Pick<HostShards, "shards" | "treatments"> {
  return {
    treatments: [{ kind: "optimizer", weightDecay: null, learningRateScale: 1 }],
    shards: shards.map((shard) => ({ ...shard, updates: [[Math.max(shard.end - shard.begin, 1), 0]] })),
  };
}
