/** A part of a shard's state, for a shard that owns a part of its keys. */
import type { KeyRange, ShardSnapshot } from "@shoal/protocol";

/**
 * What belongs to keys is cut: values, optimiser slots, a buffer's sum, what compensation keeps. What belongs to the run is the
 * same for every part: version, batches, counts. All of these work element by element, so the parts go on with the bits
 * of the whole; where norms of layers are taken, shards are cut between layers only.
 *
 * @param range within that of the snapshot
 * @returns vectors are views of the snapshot's
 */
export function cutSnapshot(snapshot: ShardSnapshot, shard: number, { begin, end }: KeyRange): ShardSnapshot {
  if (begin === snapshot.begin && end === snapshot.end) return { ...snapshot, shard };
  const size = snapshot.end - snapshot.begin;
  const part = (value: unknown): unknown => {
    if (value instanceof Float32Array) {
      return value.length === size ? value.subarray(begin - snapshot.begin, end - snapshot.begin) : value;
    }
    if (Array.isArray(value)) return value.map(part);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, part(item)]));
  };
  const { optimizer, compensation, buffer, values } = snapshot;
  const cut = { optimizer: part(optimizer), compensation: part(compensation), buffer: part(buffer) };
  return { ...snapshot, shard, begin, end, values: part(values) as Float32Array, ...cut };
}
