/**
 * The state store on NATS KV (JetStream): durable, shared by the cluster, works with nats-server 2.9.
 *
 * Bounds  one revision a key, 64 MiB a bucket unless told otherwise; every request to the server ends after `timeoutMs` (2,000).
 * Reads   go to the leader of the stream (no direct get), so a read after a write sees it.
 */
import { jetstream, JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { ShoalError } from "@shoal/errors";
import { Kvm, type KV, type KvEntry } from "@nats-io/kv";
import { deadline, type NatsConnection } from "@nats-io/nats-core";
import { checkKey, fromNatsKey, toNatsFilter, toNatsKey } from "./store-key.ts";
import { storeConflict } from "./store-conflict.ts";
import { decodeStoreValue, encodeStoreValue } from "./store-value.ts";
import {
  maximumValueBytes,
  type StateStore,
  type StoreChange,
  type StoreEntry,
  type StoreWatch,
} from "./state-store.ts";

export interface NatsKvStoreOptions {
  /** Borrowed: whoever connected closes it. */
  readonly connection: NatsConnection;
  /** Letters, digits, "-" and "_". Created when it does not exist. */
  readonly bucket: string;
  /** 64 MiB by default. Applies when the bucket is created. */
  readonly maximumBytes?: number;
  /** For one request to the server, ms: 2,000 by default. */
  readonly timeoutMs?: number;
  /** Copies in a NATS cluster: 1 by default. Applies when the bucket is created. */
  readonly replicas?: number;
}

const defaultMaximumBytes = 64 * 1024 * 1024;

/** JetStream counts headers as part of a message; ours hold the expected revision only. */
const headerRoom = 1024;

/** Opens the bucket. @throws ShoalError `store_unavailable` - NATS is away or has no JetStream */
export async function createNatsKvStore(options: NatsKvStoreOptions): Promise<StateStore> {
  const { connection, bucket, maximumBytes = defaultMaximumBytes, timeoutMs = 2000, replicas = 1 } = options;
  return translate(bucket, timeoutMs, async () => {
    const manager = new Kvm(jetstream(connection, { timeout: timeoutMs }));
    const kv = await manager.create(bucket, {
      history: 1,
      max_bytes: maximumBytes,
      maxValueSize: maximumValueBytes + headerRoom,
      allow_direct: false,
      replicas,
    });
    return createStore(kv, bucket, timeoutMs);
  });
}

function createStore(kv: KV, bucket: string, timeoutMs: number): StateStore {
  const compareAndSet = async <T>(key: string, expected: string, write: () => Promise<T>): Promise<T> => {
    try {
      return await write();
    } catch (error) {
      throw isConflict(error) ? storeConflict(key, expected, undefined, error) : unavailable(bucket, error);
    }
  };
  return {
    get: async (key) => {
      const natsKey = toNatsKey(checkKey(key));
      const entry = await translate(bucket, timeoutMs, () => kv.get(natsKey));
      return isPresent(entry) ? toEntry(entry) : undefined;
    },
    create: async (key, value) => {
      const bytes = encodeStoreValue(value);
      const natsKey = toNatsKey(checkKey(key));
      return compareAndSet(key, "that it does not exist", () => kv.create(natsKey, bytes));
    },
    update: async (key, value, expectedRevision) => {
      const bytes = encodeStoreValue(value);
      const natsKey = toNatsKey(checkKey(key));
      const expected = checkRevision(key, expectedRevision);
      return compareAndSet(key, expected, () => kv.update(natsKey, bytes, expectedRevision));
    },
    delete: async (key, expectedRevision) => {
      const natsKey = toNatsKey(checkKey(key));
      const expected = checkRevision(key, expectedRevision);
      // A purge of a purged key would succeed with the purge's own revision, which nobody was ever given.
      await compareAndSet(key, expected, () => kv.purge(natsKey, { previousSeq: expectedRevision }));
    },
    keys: (prefix) => translate(bucket, timeoutMs, () => listKeys(kv, prefix, timeoutMs)),
    watch: (prefix, onChange) => translate(bucket, timeoutMs, () => watchKeys(kv, prefix, onChange)),
  };
}

function isPresent(entry: KvEntry | null): entry is KvEntry {
  return entry !== null && entry.operation === "PUT";
}

function toEntry(entry: KvEntry): StoreEntry {
  return { value: decodeStoreValue(entry.value), revision: entry.revision };
}

/** Something else may write to the bucket; a watch passes over what no store could have written. */
function isReadable(entry: KvEntry): boolean {
  try {
    decodeStoreValue(entry.value);
    return true;
  } catch {
    return false;
  }
}

/** Revisions begin at 1; NATS takes 0 for "any", which must not slip through. */
function checkRevision(key: string, revision: number): string {
  if (Number.isInteger(revision) && revision > 0) return `revision ${String(revision)}`;
  throw storeConflict(key, `revision ${String(revision)}`, undefined);
}

async function listKeys(kv: KV, prefix: string, timeoutMs: number): Promise<readonly string[]> {
  const listed = await kv.keys(toNatsFilter(prefix));
  const found: string[] = [];
  const collect = async (): Promise<void> => {
    for await (const natsKey of listed) {
      const key = fromNatsKey(natsKey);
      if (key.startsWith(prefix)) found.push(key);
    }
  };
  try {
    // The listing itself has no end when the connection breaks in the middle of it.
    await deadline(collect(), timeoutMs);
  } finally {
    listed.stop();
  }
  return found.toSorted();
}

async function watchKeys(kv: KV, prefix: string, onChange: (change: StoreChange) => void): Promise<StoreWatch> {
  const changes = await kv.watch({ key: toNatsFilter(prefix), include: "updates" });
  const follow = async (): Promise<void> => {
    for await (const entry of changes) {
      const key = fromNatsKey(entry.key);
      if (!key.startsWith(prefix)) continue;
      if (!isPresent(entry)) onChange({ key, entry: undefined });
      else if (isReadable(entry)) onChange({ key, entry: toEntry(entry) });
    }
  };
  follow().catch(() => {
    changes.stop();
  });
  return {
    stop: () => {
      changes.stop();
    },
  };
}

function isConflict(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return error.code === StreamWrongLastSequence || error.code === StreamWrongLastSequenceUnknown;
}

/** One call may be several requests, each with its own timeout; four are the most. */
async function translate<T>(bucket: string, timeoutMs: number, call: () => Promise<T>): Promise<T> {
  try {
    return await deadline(call(), 4 * timeoutMs);
  } catch (error) {
    throw unavailable(bucket, error);
  }
}

function unavailable(bucket: string, cause: unknown): ShoalError {
  const sentence = cause instanceof Error ? cause.message : String(cause);
  return new ShoalError("store_unavailable", `bucket ${bucket} on NATS: ${sentence}`, { bucket }, { cause });
}
