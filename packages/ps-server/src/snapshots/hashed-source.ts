import { createHash } from "node:crypto";
import type { SnapshotSource } from "@shoal/protocol";

export interface HashedSource extends SnapshotSource {
  /** SHA-256 of all bytes, hexadecimal; undefined before the last of them was given. */
  digest(): string | undefined;
}

/** Computes the checksum of what is read on its way. */
export function hashSource(source: SnapshotSource): HashedSource {
  let hash = createHash("sha256");
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
      hash = createHash("sha256");
      given = 0;
    },
    digest: () => (given === source.totalBytes ? hash.copy().digest("hex") : undefined),
  };
}
