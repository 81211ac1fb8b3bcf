/** The newest applied updates of a shard, as its own record of versions and staleness. */
import type { UpdateRecord } from "@shoal/protocol";

/** Updates that are remembered: 65,536. The oldest make room. */
export const maximumUpdates = 65_536;

export interface UpdateLog {
  add(record: UpdateRecord): void;
  /** The newest updates, oldest first. @param limit at most so many */
  newest(limit?: number): UpdateRecord[];
}

/** @param initial records to begin with, oldest first */
export function createUpdateLog(initial: readonly UpdateRecord[] = [], capacity: number = maximumUpdates): UpdateLog {
  const ring = initial.slice(-capacity);
  /** Place of the oldest record once the ring is full. */
  let oldest = 0;
  return {
    add(record) {
      if (ring.length < capacity) {
        ring.push(record);
        return;
      }
      ring[oldest] = record;
      oldest = (oldest + 1) % capacity;
    },
    newest(limit = capacity) {
      const ordered = [...ring.slice(oldest), ...ring.slice(0, oldest)];
      return ordered.slice(Math.max(0, ordered.length - limit));
    },
  };
}
