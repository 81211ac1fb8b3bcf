/**
 * MessagePack to plain data, from bytes of any origin. Nothing but plain data can come of it: what else the format has
 * (timestamps, extensions of strangers) is refused.
 *
 * Bounds  {@link maximumDepth} levels; no length is trusted before that many bytes are known to be there.
 * Source  MessagePack specification, https://github.com/msgpack/msgpack/blob/master/spec.md
 */
import { maximumDepth, MessagePackFault } from "./message-pack-fault.ts";

/** Makes something of an extension that may occur; undefined: of this type none may. */
export type ReadExtension = (type: number) => ((body: Uint8Array) => unknown) | undefined;

interface Input {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  readonly extension: ReadExtension;
}

/** Up to here a loop over bytes is faster than the platform's decoder. */
const shortText = 32;
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** @param bytes - borrowed @throws MessagePackFault - they are not one plain value */
export function readMessagePack(bytes: Uint8Array, extension: ReadExtension): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const input: Input = { bytes, view, at: 0, extension };
  const value = read(input, 0);
  if (input.at !== bytes.length) throw new MessagePackFault("bytes follow its end");
  return value;
}

function read(input: Input, depth: number): unknown {
  const head = input.bytes[input.at];
  if (head === undefined) throw endsEarly();
  input.at += 1;
  if (head < 0x80) return head;
  if (head < 0x90) return readMap(input, head & 0x0f, depth);
  if (head < 0xa0) return readArray(input, head & 0x0f, depth);
  if (head < 0xc0) return readText(input, head & 0x1f);
  if (head >= 0xe0) return head - 0x100;
  return readLong(input, head, depth);
}

/** What has a head of its own, from 0xc0 to 0xdf. */
function readLong(input: Input, head: number, depth: number): unknown {
  const { view } = input;
  switch (head) {
    case 0xc0:
      return null;
    case 0xc2:
    case 0xc3:
      return head === 0xc3;
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return take(input, readLength(input, 1 << (head - 0xc4))).slice();
    case 0xc7:
    case 0xc8:
    case 0xc9:
      return readExtension(input, readLength(input, 1 << (head - 0xc7)));
    case 0xca:
      return view.getFloat32(pass(input, 4));
    case 0xcb:
      return view.getFloat64(pass(input, 8));
    case 0xcc:
    case 0xcd:
    case 0xce:
      return readLength(input, 1 << (head - 0xcc));
    case 0xcf:
      return view.getBigUint64(pass(input, 8));
    case 0xd0:
      return view.getInt8(pass(input, 1));
    case 0xd1:
      return view.getInt16(pass(input, 2));
    case 0xd2:
      return view.getInt32(pass(input, 4));
    case 0xd3:
      return view.getBigInt64(pass(input, 8));
    case 0xd9:
    case 0xda:
    case 0xdb:
      return readText(input, readLength(input, 1 << (head - 0xd9)));
    case 0xdc:
    case 0xdd:
      return readArray(input, readLength(input, head === 0xdc ? 2 : 4), depth);
    case 0xde:
    case 0xdf:
      return readMap(input, readLength(input, head === 0xde ? 2 : 4), depth);
    case 0xc1:
      throw new MessagePackFault("it holds the byte c1");
    default:
      return readExtension(input, 1 << (head - 0xd4));
  }
}

function readArray(input: Input, length: number, depth: number): unknown[] {
  enter(input, length, depth);
  const items: unknown[] = [];
  for (let index = 0; index < length; index += 1) items.push(read(input, depth + 1));
  return items;
}

function readMap(input: Input, length: number, depth: number): Record<string, unknown> {
  enter(input, 2 * length, depth);
  const map: Record<string, unknown> = {};
  for (let index = 0; index < length; index += 1) {
    const key = read(input, depth + 1);
    if (typeof key !== "string") throw new MessagePackFault("a map key is not a string");
    const value = read(input, depth + 1);
    // An assignment would change what the map is.
    if (key === "__proto__") Object.defineProperty(map, key, { value, enumerable: true, configurable: true });
    else map[key] = value;
  }
  return map;
}

/** Each item takes a byte at least: what claims more of them than there are bytes costs nothing. */
function enter({ bytes, at }: Input, items: number, depth: number): void {
  if (items > bytes.length - at) throw endsEarly();
  if (items > 0 && depth >= maximumDepth) {
    throw new MessagePackFault(`it is nested deeper than ${maximumDepth} levels`);
  }
}

function readText(input: Input, length: number): string {
  const begin = pass(input, length);
  const { bytes } = input;
  if (length > shortText) return utf8.decode(bytes.subarray(begin, begin + length));
  let text = "";
  for (let index = begin; index < begin + length; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte >= 0x80) return utf8.decode(bytes.subarray(begin, begin + length));
    text += String.fromCharCode(byte);
  }
  return text;
}

function readExtension(input: Input, length: number): unknown {
  const type = input.view.getUint8(pass(input, 1));
  const body = take(input, length);
  const make = input.extension(type);
  if (make === undefined) throw new MessagePackFault(`it holds an extension of type ${type}, which is not plain data`);
  return make(body);
}

function readLength(input: Input, size: number): number {
  const { view } = input;
  const at = pass(input, size);
  return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at);
}

function take(input: Input, length: number): Uint8Array {
  const begin = pass(input, length);
  return input.bytes.subarray(begin, begin + length);
}

/** @returns where these bytes begin; the input goes on after them */
function pass(input: Input, length: number): number {
  const begin = input.at;
  if (length > input.bytes.length - begin) throw endsEarly();
  input.at = begin + length;
  return begin;
}

function endsEarly(): MessagePackFault {
  return new MessagePackFault("it ends early");
}
