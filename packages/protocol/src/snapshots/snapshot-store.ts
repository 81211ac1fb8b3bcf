/**
 * Where snapshots are kept: a folder, an object store. Names are paths with "/" (`<run>/snapshots/<snapshot>/shard-3`).
 *
 * Every call may fail with `store_unavailable` (the place is away, full, or forbidden: the message says which) and has an end
 * of its own. Objects are written whole or not at all, and never change.
 */

/** Bytes that can be read from the front, as often as needed. */
export interface SnapshotSource {
  readonly totalBytes: number;
  /** The next bytes, at most so many, in memory of their own; undefined after the last. */
  next(maximumBytes: number): Uint8Array<ArrayBuffer> | undefined;
  rewind(): void;
}

export interface StoredObject {
  readonly name: string;
  readonly bytes: number;
}

/** The one kind of object that changes: by compare-and-set. */
export interface StoredPointer {
  readonly text: string;
  /** Names this content; what a change of it must know. */
  readonly revision: string;
}

export interface SnapshotStore {
  /** For people, such as "folder /data/runs". */
  readonly place: string;
  /**
   * Writes an object; one of this name is replaced. It is there, and stays there, once this settles.
   * @throws ShoalError store_unavailable
   */
  write(name: string, source: SnapshotSource): Promise<void>;
  /** @returns undefined when there is no such object @throws ShoalError store_unavailable */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Objects whose name begins with `prefix`, which ends with "/" or is empty. @throws ShoalError store_unavailable */
  list(prefix: string): Promise<readonly StoredObject[]>;
  /** Idempotent. @throws ShoalError store_unavailable */
  remove(name: string): Promise<void>;
  /** @throws ShoalError store_unavailable */
  readPointer(name: string): Promise<StoredPointer | undefined>;
  /**
   * @param expected revision of what is replaced; null: there is none yet
   * @throws ShoalError store_conflict - something else is there; store_unavailable
   */
  writePointer(name: string, text: string, expected: string | null): Promise<void>;
}

/** Bytes as a source. @param bytes kept, and not to be changed */
export function sourceOf(bytes: Uint8Array): SnapshotSource {
  let position = 0;
  return {
    totalBytes: bytes.length,
    next(maximumBytes) {
      if (position >= bytes.length) return undefined;
      const part = new Uint8Array(bytes.subarray(position, position + maximumBytes));
      position += part.length;
      return part;
    },
    rewind() {
      position = 0;
    },
  };
}
