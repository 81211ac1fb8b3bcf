/** How much workers move to and from each shard: what makes a key range hot. */
import type { ShardSummary } from "@shoal/protocol";
import type { RunState } from "../runs/run-state.ts";

export interface ShardTraffic {
  /** Bytes that its primary had moved when it was heard of last. */
  readonly bytes: number;
  readonly atMs: number;
  /** Bytes of gradients and values in a second, smoothed. */
  readonly bytesPerSecond: number;
}

/** Weight of the newest measurement in the smoothed rate. */
const newestWeight = 0.3;
/** A range is hot when its traffic is above so many times the mean of the run's shards. */
const hot = 2;
/** Hot ranges that a status names. */
const named = 3;

/** Takes what the primaries say of their shards. Each counts from its own beginning. */
export function noteTraffic(run: RunState, shards: readonly ShardSummary[], now: number): RunState {
  const traffic = new Map(run.shardTraffic);
  for (const { shard, bytesMoved: bytes, seat } of shards) {
    if (!run.assignments.has(shard) || (seat !== undefined && seat.role !== "primary")) continue;
    const before = traffic.get(shard);
    const seconds = before === undefined ? 0 : (now - before.atMs) / 1000;
    if (before === undefined || bytes < before.bytes || seconds <= 0) {
      traffic.set(shard, { bytes, atMs: now, bytesPerSecond: before?.bytesPerSecond ?? 0 });
      continue;
    }
    const newest = (bytes - before.bytes) / seconds;
    const bytesPerSecond = before.bytesPerSecond + newestWeight * (newest - before.bytesPerSecond);
    traffic.set(shard, { bytes, atMs: now, bytesPerSecond });
  }
  return { ...run, shardTraffic: traffic };
}

/** Names the hot ranges, the hottest first; empty when there are none. */
export function hotText({ shardTraffic, assignments, seats, split }: RunState): string {
  if (split.ranges !== null) {
    const stage = split.awaits === null ? "is copied" : `stands still, waiting for ${split.awaits}`;
    return `; ${stage}, to go on with ${split.hot?.reason ?? "other ranges"}`;
  }
  if (split.hot !== null) {
    const failure = split.failure === "" ? "" : `; not cut: ${split.failure}`;
    return `; too hot for any server: ${split.hot.reason}${failure}`;
  }
  const rates = [...shardTraffic].map(([shard, { bytesPerSecond }]) => ({ shard, bytesPerSecond }));
  const mean = rates.reduce((sum, each) => sum + each.bytesPerSecond, 0) / Math.max(1, rates.length);
  const hottest = rates
    .filter(({ bytesPerSecond }) => mean > 0 && bytesPerSecond > hot * mean)
    .toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond)
    .slice(0, named)
    .map(({ shard, bytesPerSecond }) => {
      const range = assignments.get(shard);
      const times = (bytesPerSecond / mean).toFixed(1);
      return `keys ${range?.begin ?? 0} to ${range?.end ?? 0} on ${seats.get(shard)?.primary.node ?? "?"} (${times}×)`;
    });
  return hottest.length === 0 ? "" : `; hot: ${hottest.join(", ")}`;
}
