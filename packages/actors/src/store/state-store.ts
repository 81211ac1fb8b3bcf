/** Durable state with compare-and-set: placement, jobs, leases. Plain data by key. */

/** Largest encoded value: 256 KiB. */
export const maximumValueBytes: number = 256 * 1024;

/** Longest key in characters. */
export const maximumKeyLength = 256;

/**
 * One stored value.
 *
 * `revision` grows with every change of the key, also across deletions; revisions of different keys are not comparable.
 */
export interface StoreEntry {
  readonly value: unknown;
  readonly revision: number;
}

/** One change of one key; `entry` is undefined for a deletion. */
export interface StoreChange {
  readonly key: string;
  readonly entry: StoreEntry | undefined;
}

export interface StoreWatch {
  stop(): void;
}

/**
 * Keys are segments of `[A-Za-z0-9_.-]` and other printable characters separated by "/": not empty, at most 256
 * characters. Values are plain data (what msgpack holds): copied in and out, never shared.
 *
 * Every method rejects with ShoalError `invalid_argument` for a malformed key and `store_unavailable` when the store
 * cannot be reached; every write with `payload_too_large` or `codec_failed` for a value that cannot be stored.
 */
export interface StateStore {
  get(key: string): Promise<StoreEntry | undefined>;
  /** Writes a key that does not exist. @throws ShoalError `store_conflict` - it exists */
  create(key: string, value: unknown): Promise<number>;
  /** Replaces a value; returns its new revision. @throws ShoalError `store_conflict` - another revision is stored */
  update(key: string, value: unknown, expectedRevision: number): Promise<number>;
  /** @throws ShoalError `store_conflict` - another revision is stored, or none */
  delete(key: string, expectedRevision: number): Promise<void>;
  /** Existing keys that begin with `prefix`, sorted. */
  keys(prefix: string): Promise<readonly string[]>;
  /**
   * Reports changes of keys that begin with `prefix`, in order for each key, from the moment it resolves. Of several
   * changes of one key in quick succession only the last is sure to be reported. `onChange` must not throw.
   */
  watch(prefix: string, onChange: (change: StoreChange) => void): Promise<StoreWatch>;
}
