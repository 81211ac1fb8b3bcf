/**
 * Snapshots in a bucket of S3, or of what speaks like it. Pointers need conditional writes (`If-Match`, `If-None-Match`),
 * which AWS, MinIO, R2 and Ceph have; where they are ignored the coordinator's term still orders its writers.
 *
 * Bounds  an object is in memory while it is written (a shard's state); requests end after 2 min.
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

const requestLimitMs = 120_000;
/** Above this an object goes in parts. */
const partBytes = 64 * 2 ** 20;
const type = "application/octet-stream";

export function createS3Store({ prefix, ...options }: S3Options): SnapshotStore {
  const client = new S3mini({ ...options, requestAbortTimeout: requestLimitMs, requestSizeInBytes: partBytes });
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
        const bytes = wholeOf(source);
        if (bytes.length > partBytes) await client.putAnyObject(prefix + name, bytes, type);
        else await client.putObject(prefix + name, bytes, type);
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

/** A signature covers the whole. */
function wholeOf(source: SnapshotSource): Uint8Array<ArrayBuffer> {
  source.rewind();
  const bytes = new Uint8Array(source.totalBytes);
  let position = 0;
  for (let part = source.next(1 << 20); part !== undefined; part = source.next(1 << 20)) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
