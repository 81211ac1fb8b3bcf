/** The checksum of a snapshot's object, computed while it is written. */
import type { SnapshotSource } from "./snapshot-store.ts";

/** SHA-256 in progress, as `createHash("sha256")` of Node makes it. */
export interface RunningHash {
  update(part: Uint8Array): unknown;
  copy(): RunningHash;
  digest(encoding: "hex"): string;
}

export interface HashedSource extends SnapshotSource {
  /** SHA-256 of all bytes, hexadecimal; undefined before the last of them was given. */
  digest(): string | undefined;
}

/** @param begin makes a hash of nothing */
export function hashSource(source: SnapshotSource, begin: () => RunningHash): HashedSource {
  let hash = begin();
  let given = 0;
  return {
    totalBytes: source.totalBytes,
    next(maximumBytes) {
      const part = source.next(maximumBytes);
      if (part === undefined) return undefined;
      hash.update(part);
      given += part.length;
      return part;
    },
    rewind() {
      source.rewind();
      hash = begin();
      given = 0;
    },
    digest: () => (given === source.totalBytes ? hash.copy().digest("hex") : undefined),
  };
}
