/** Writes a frame: what stands before the payload becomes one small buffer, the payload is sent as it lies. */
import { payloadTag } from "./field-scan.ts";
import { prefixBytes } from "./header-collector.ts";
import { varintLength, writeVarint } from "./varint.ts";

/**
 * Puts gRPC's prefix before the encoded fields and the payload's tag and length behind them.
 *
 * @param fields - encoded protobuf message without its payload; borrowed
 * @param payloadBytes - length of the payload that the caller sends right behind; 0: none
 * @returns a buffer of its own, so that it can be handed to a socket
 */
export function encodeFrameHead(fields: Uint8Array, payloadBytes: number): Uint8Array<ArrayBuffer> {
  const payloadHead = payloadBytes === 0 ? 0 : 1 + varintLength(payloadBytes);
  const messageBytes = fields.length + payloadHead + payloadBytes;
  const head = new Uint8Array(prefixBytes + fields.length + payloadHead);
  new DataView(head.buffer).setUint32(1, messageBytes);
  head.set(fields, prefixBytes);
  if (payloadHead > 0) {
    head[prefixBytes + fields.length] = payloadTag;
    writeVarint(head, prefixBytes + fields.length + 1, payloadBytes);
  }
  return head;
}
