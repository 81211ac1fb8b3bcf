/**
 * Snapshots in a bucket of S3, or of what speaks like it. Pointers need conditional writes (`If-Match`, `If-None-Match`),
 * which AWS, MinIO, R2 and Ceph have; where they are ignored the coordinator's term still orders its writers.
 *
 * Bounds  an object of at most 5 GB, the limit of one request (a shard's state); requests end after 10 min.
 */
import { ShoalError } from "@shoal/errors";
import type { SnapshotSource, SnapshotStore } from "@shoal/protocol";
import { S3mini, S3ServiceError } from "s3mini";

export interface S3Options {
  /** With the bucket in its path, as in https://s3.eu-central-1.amazonaws.com/my-bucket. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** In front of every name; empty or ending with "/". */
  readonly prefix: string;
}

const requestLimitMs = 600_000;
const partBytes = 1 << 20;
const type = "application/octet-stream";

export function createS3Store({ prefix, ...options }: S3Options): SnapshotStore {
  const client = new S3mini({ ...options, requestAbortTimeout: requestLimitMs, fetch: fetchStreams });
  const place = `${options.endpoint}${prefix === "" ? "" : `/${prefix.slice(0, -1)}`}`;
  const guarded = async <T>(what: string, use: () => Promise<T>): Promise<T> => {
    try {
      return await use();
    } catch (cause) {
      if (cause instanceof ShoalError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ShoalError("store_unavailable", `${place}: cannot ${what}: ${reason}`, { place }, { cause });
    }
  };
  return {
    place,
    write: (name, source) =>
      guarded(`write ${name}`, async () => {
        const { totalBytes } = source;
        await client.putObject(prefix + name, streamOf(source), type, undefined, undefined, totalBytes);
      }),
    read: (name) =>
      guarded(`read ${name}`, async () => {
        const found = await client.getObjectArrayBuffer(prefix + name);
        return found === null ? undefined : new Uint8Array(found);
      }),
    list: (under) =>
      guarded(`list ${under}`, async () => {
        const found = (await client.listObjects("/", prefix + under)) ?? [];
        return found.map(({ Key, Size }) => ({ name: Key.slice(prefix.length), bytes: Number(Size) }));
      }),
    remove: (name) => guarded(`remove ${name}`, async () => void (await client.deleteObject(prefix + name))),
    readPointer: (name) =>
      guarded(`read ${name}`, async () => {
        const { etag, data } = await client.getObjectWithETag(prefix + name);
        if (etag === null || data === null) return undefined;
        return { text: new TextDecoder().decode(data), revision: etag };
      }),
    writePointer: (name, text, expected) =>
      guarded(`write ${name}`, async () => {
        const condition = expected === null ? { "if-none-match": "*" } : { "if-match": `"${expected}"` };
        try {
          await client.putObject(prefix + name, text, "application/json", undefined, condition);
        } catch (error) {
          if (error instanceof S3ServiceError && (error.status === 412 || error.status === 409)) {
            throw new ShoalError("store_conflict", `${name} was changed by somebody else`, { object: name });
          }
          throw error;
        }
      }),
  };
}

/** A body that is still being read is sent before the answer is. */
const fetchStreams: typeof fetch = (input, init) => fetch(input, { ...init, duplex: "half" } as RequestInit);

function streamOf(source: SnapshotSource): ReadableStream<Uint8Array> {
  source.rewind();
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = source.next(partBytes);
      if (part === undefined) controller.close();
      else controller.enqueue(part);
    },
  });
}
