/**
 * Collects one message of a gRPC stream up to its payload: the five bytes of the prefix, then the fields.
 *
 * Bounds  Header 16 KiB, or what the stream's owner allows (it grows by doubling), payload 4 MiB; a message that announces
 *         more is refused before a byte of it is stored.
 * Source  https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"
 */
import { ShoalError } from "@shoal/errors";
import { scanField } from "./field-scan.ts";
import { maximumHeaderBytes, maximumMessageBytes, maximumPayloadBytes } from "./limits.ts";

/** Bytes before every message: a flag and a big-endian length. */
export const prefixBytes = 5;

/** The prefix of a message of that length. */
export function messagePrefix(messageBytes: number): Uint8Array<ArrayBuffer> {
  const prefix = new Uint8Array(prefixBytes);
  new DataView(prefix.buffer).setUint32(1, messageBytes);
  return prefix;
}

/** What a message begins with. */
export interface CollectedHeader {
  /** The protobuf fields before the payload; borrowed until the next `take`. */
  readonly fields: Uint8Array;
  readonly payloadBytes: number;
}

export interface HeaderCollector {
  /** True between two messages. */
  readonly empty: boolean;
  /** Position behind the bytes of `chunk` that the last `take` used. */
  readonly position: number;
  /**
   * Takes bytes of `chunk` from `position` on until the header is complete or the chunk ends.
   * @returns the header once it is complete; the next call begins the next message
   * @throws ShoalError codec_failed, payload_too_large
   */
  take(chunk: Uint8Array, position: number): CollectedHeader | undefined;
}

interface Collection {
  head: Uint8Array;
  readonly maximumBytes: number;
  part: "prefix" | "fields";
  length: number;
  needed: number;
  fieldStart: number;
  messageBytes: number;
}

/** @param maximumBytes of a header */
export function createHeaderCollector(maximumBytes: number = maximumHeaderBytes): HeaderCollector {
  const collection: Collection = {
    head: new Uint8Array(Math.min(maximumBytes, maximumHeaderBytes)),
    maximumBytes,
    part: "prefix",
    length: 0,
    needed: prefixBytes,
    fieldStart: 0,
    messageBytes: 0,
  };
  let end = 0;
  return {
    get empty() {
      return collection.part === "prefix" && collection.length === 0;
    },
    get position() {
      return end;
    },
    take(chunk, position) {
      end = position;
      while (end < chunk.length) {
        end = fill(collection, chunk, end);
        if (collection.needed > 0) return undefined;
        const header = collection.part === "prefix" ? readPrefix(collection) : scanFields(collection);
        if (header !== undefined) return restart(collection, header);
      }
      return undefined;
    },
  };
}

function fill(collection: Collection, chunk: Uint8Array, position: number): number {
  const count = Math.min(collection.needed, chunk.length - position);
  // Byte by byte: a field is a few bytes long, less than the call of a bulk copy costs.
  for (let index = 0; index < count; index++) collection.head[collection.length + index] = chunk[position + index] ?? 0;
  collection.length += count;
  collection.needed -= count;
  return position + count;
}

function restart(collection: Collection, header: CollectedHeader): CollectedHeader {
  collection.part = "prefix";
  collection.length = 0;
  collection.needed = prefixBytes;
  return header;
}

function readPrefix(collection: Collection): CollectedHeader | undefined {
  const [flag, a = 0, b = 0, c = 0, d = 0] = collection.head;
  if (flag !== 0) throw malformedFrame(flag === 1 ? "compressed messages are not accepted" : "the flag is not 0");
  const length = a * 0x100_0000 + b * 0x1_0000 + c * 0x100 + d;
  if (length > maximumMessageBytes) throw tooLarge("a message", length, maximumMessageBytes);
  collection.part = "fields";
  collection.length = 0;
  collection.fieldStart = 0;
  collection.messageBytes = length;
  return scanFields(collection);
}

/** Looks at as many fields as have been collected; leaves in `needed` how many bytes more it wants. */
function scanFields(collection: Collection): CollectedHeader | undefined {
  for (;;) {
    const { head, fieldStart, length, messageBytes } = collection;
    if (fieldStart === messageBytes) return { fields: head.subarray(0, fieldStart), payloadBytes: 0 };
    const field = scanField(head, fieldStart, length);
    switch (field.kind) {
      case "field":
        collection.fieldStart = field.next;
        break;
      case "more":
        collection.needed = checkNeeded(length + field.bytes, messageBytes, collection.maximumBytes) - length;
        makeRoom(collection, length + collection.needed);
        return undefined;
      case "payload":
        checkPayload(field.begin, field.length, messageBytes);
        return { fields: head.subarray(0, fieldStart), payloadBytes: field.length };
      case "invalid":
        throw malformedFrame(field.reason);
    }
  }
}

function checkNeeded(total: number, messageBytes: number, maximumBytes: number): number {
  if (total > messageBytes) throw malformedFrame("a field reaches beyond its message");
  if (total > maximumBytes) throw tooLarge("a header", total, maximumBytes);
  return total;
}

function makeRoom(collection: Collection, bytes: number): void {
  const { head, maximumBytes } = collection;
  if (bytes <= head.length) return;
  collection.head = new Uint8Array(Math.min(maximumBytes, Math.max(bytes, 2 * head.length)));
  collection.head.set(head);
}

function checkPayload(begin: number, length: number, messageBytes: number): void {
  if (begin + length !== messageBytes) throw malformedFrame("the payload is not the last field of its message");
  if (length > maximumPayloadBytes) throw tooLarge("a payload", length, maximumPayloadBytes);
}

/** The error of bytes that are no frame. */
export function malformedFrame(reason: string): ShoalError {
  return new ShoalError("codec_failed", `frame: ${reason}`, { reason });
}

function tooLarge(what: string, bytes: number, limit: number): ShoalError {
  return new ShoalError("payload_too_large", `${what} has ${bytes} bytes, more than ${limit}`, { bytes, limit });
}
