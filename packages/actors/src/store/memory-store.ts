/**
 * The state store of one process.
 *
 * Bounds      {@link defaultMaximumKeys} keys; beyond it `create` rejects with `no_capacity`.
 * Invariants
 *   I1  values are kept encoded: what a caller does to its object afterwards changes nothing here.
 *   I2  revisions come from one counter, so a deleted and recreated key never repeats one.
 */
import { ShoalError } from "@shoal/errors";
import { checkKey } from "./store-key.ts";
import { decodeStoreValue, encodeStoreValue } from "./store-value.ts";
import { storeConflict } from "./store-conflict.ts";
import type { StateStore, StoreChange, StoreEntry } from "./state-store.ts";

export const defaultMaximumKeys = 65_536;

export interface MemoryStoreOptions {
  /** 65,536 by default. */
  readonly maximumKeys?: number;
}

interface Stored {
  readonly bytes: Uint8Array;
  readonly revision: number;
}

interface Watcher {
  readonly prefix: string;
  readonly onChange: (change: StoreChange) => void;
}

export function createMemoryStore(options: MemoryStoreOptions = {}): StateStore {
  const { maximumKeys = defaultMaximumKeys } = options;
  const stored = new Map<string, Stored>();
  const watchers = new Set<Watcher>();
  let revision = 0;

  const announce = (key: string, entry: Stored | undefined): void => {
    for (const { prefix, onChange } of watchers) {
      if (key.startsWith(prefix)) onChange({ key, entry: entry && toEntry(entry) });
    }
  };
  const write = (key: string, bytes: Uint8Array): number => {
    const entry = { bytes, revision: ++revision };
    stored.set(key, entry);
    announce(key, entry);
    return entry.revision;
  };
  const expect = (key: string, expectedRevision: number): void => {
    const found = stored.get(key)?.revision;
    if (found !== expectedRevision) throw storeConflict(key, `revision ${String(expectedRevision)}`, found);
  };

  /* Each method is async so that a check which fails rejects, as it would over a network, and never throws. */
  return {
    get: async (key) => {
      const entry = stored.get(checkKey(key));
      return entry && toEntry(entry);
    },
    create: async (key, value) => {
      const bytes = encodeStoreValue(value);
      const found = stored.get(checkKey(key));
      if (found !== undefined) throw storeConflict(key, "that it does not exist", found.revision);
      if (stored.size >= maximumKeys) throw full(key, maximumKeys);
      return write(key, bytes);
    },
    update: async (key, value, expectedRevision) => {
      const bytes = encodeStoreValue(value);
      expect(checkKey(key), expectedRevision);
      return write(key, bytes);
    },
    delete: async (key, expectedRevision) => {
      expect(checkKey(key), expectedRevision);
      stored.delete(key);
      revision++;
      announce(key, undefined);
    },
    keys: async (prefix) => [...stored.keys()].filter((key) => key.startsWith(prefix)).toSorted(),
    watch: async (prefix, onChange) => {
      const watcher = { prefix, onChange };
      watchers.add(watcher);
      return {
        stop: () => {
          watchers.delete(watcher);
        },
      };
    },
  };
}

function toEntry(stored: Stored): StoreEntry {
  return { value: decodeStoreValue(stored.bytes), revision: stored.revision };
}

function full(key: string, maximumKeys: number): ShoalError {
  return new ShoalError("no_capacity", `the store holds ${String(maximumKeys)} keys and has no room for ${key}`, {
    key,
  });
}
