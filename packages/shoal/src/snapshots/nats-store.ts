/**
 * Snapshots in a NATS object store, in chunks of messages; pointers in a KV bucket beside it, which has compare-and-set.
 *
 * Bounds  a request to the server ends after 10 s, the writing or reading of one object after 10 min.
 */
import { createNatsKvStore, type StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { Objm, type ObjectStore } from "@nats-io/obj";
import { deadline, type NatsConnection } from "@nats-io/nats-core";
import type { SnapshotSource, SnapshotStore } from "@shoal/protocol";

const requestLimitMs = 10_000;
const objectLimitMs = 600_000;
const partBytes = 1 << 20;

/** @param bucket letters, digits, "-" and "_"; made when it is first used */
export function createNatsSnapshotStore(connection: NatsConnection, bucket: string): SnapshotStore {
  const place = `object store ${bucket} on NATS`;
  const guarded = async <T>(what: string, limitMs: number, use: () => Promise<T>): Promise<T> => {
    try {
      return await deadline(use(), limitMs);
    } catch (cause) {
      if (cause instanceof ShoalError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ShoalError("store_unavailable", `${place}: cannot ${what}: ${reason}`, { place }, { cause });
    }
  };
  const objects = onceItWorks(() => new Objm(connection).create(bucket, { description: "snapshots of Shoal" }));
  const pointers = onceItWorks(() => createNatsKvStore({ connection, bucket: `${bucket}-pointers` }));
  return {
    place,
    write: (name, source) => guarded(`write ${name}`, objectLimitMs, async () => write(await objects(), name, source)),
    read: (name) => guarded(`read ${name}`, objectLimitMs, async () => read(await objects(), name)),
    list: (prefix) =>
      guarded(`list ${prefix}`, requestLimitMs, async () => {
        const all = await (await objects()).list();
        const live = all.filter(({ name, deleted }) => !deleted && name.startsWith(prefix));
        return live.map(({ name, size }) => ({ name, bytes: size }));
      }),
    remove: (name) => guarded(`remove ${name}`, requestLimitMs, async () => remove(await objects(), name)),
    readPointer: (name) =>
      guarded(`read ${name}`, requestLimitMs, async () => {
        const entry = await (await pointers()).get(name);
        return entry === undefined ? undefined : { text: String(entry.value), revision: String(entry.revision) };
      }),
    writePointer: (name, text, expected) =>
      guarded(`write ${name}`, requestLimitMs, async () => writePointer(await pointers(), name, text, expected)),
  };
}

/** Opens a thing when it is first needed, and tries again when that failed. */
function onceItWorks<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    const opening = (opened ??= open());
    opening.catch(() => (opened = undefined));
    return opening;
  };
}

async function write(store: ObjectStore, name: string, source: SnapshotSource): Promise<void> {
  source.rewind();
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = source.next(partBytes);
      if (part === undefined) controller.close();
      else controller.enqueue(part);
    },
  });
  const { size } = await store.put({ name }, stream);
  if (size !== source.totalBytes) throw new RangeError(`${size} of ${source.totalBytes} bytes were taken`);
}

async function read(store: ObjectStore, name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const result = await store.get(name);
  if (result === null) return undefined;
  const bytes = new Uint8Array(result.info.size);
  let position = 0;
  for await (const part of result.data) {
    bytes.set(part, position);
    position += part.length;
  }
  const error: unknown = await result.error;
  if (error instanceof Error) throw error;
  return bytes.subarray(0, position);
}

async function remove(store: ObjectStore, name: string): Promise<void> {
  if ((await store.info(name)) !== null) await store.delete(name);
}

async function writePointer(store: StateStore, name: string, text: string, expected: string | null): Promise<void> {
  if (expected === null) await store.create(name, text);
  else await store.update(name, text, Number(expected));
}
