/**
 * Plain data to MessagePack. Our own because whatever is encoded is refused by one look at it if it is not plain, and
 * because a page has to load it: libraries of the format weigh ten times as much.
 *
 * Bounds   {@link maximumDepth} levels, so a cycle is a fault.
 * Output   whole numbers of 32 bits as integers, all others as float 64; the shortest head for each length.
 * Source   MessagePack specification, https://github.com/msgpack/msgpack/blob/master/spec.md
 */
import { maximumDepth, MessagePackFault } from "./message-pack-fault.ts";

/** How an object that is no plain data travels after all; undefined: it is nothing special. */
export type WriteExtension = (value: object) => { readonly type: number; readonly body: Uint8Array } | undefined;

interface Output {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  at: number;
  readonly extension: WriteExtension;
}

const firstBytes = 4_096;
/** A buffer that has grown beyond this is not kept for the next message. */
const mostKeptBytes = 1_048_576;
/** Up to here a loop over characters is faster than the platform's encoder. */
const shortText = 48;
const utf8 = new TextEncoder();
/** Taken while a message is written: one that is written by a getter of another has its own. */
let spare: Uint8Array<ArrayBuffer> | undefined;

/** @throws MessagePackFault - `value` holds something that is not plain */
export function writeMessagePack(value: unknown, extension: WriteExtension): Uint8Array {
  const bytes = spare ?? new Uint8Array(firstBytes);
  spare = undefined;
  const output: Output = { bytes, view: new DataView(bytes.buffer), at: 0, extension };
  write(output, value, 0);
  if (output.bytes.length <= mostKeptBytes) spare = output.bytes;
  return output.bytes.slice(0, output.at);
}

function write(output: Output, value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
      return writeText(output, value);
    case "number":
      return writeNumber(output, value);
    case "boolean":
      return writeByte(output, value ? 0xc3 : 0xc2);
    case "bigint":
      return writeBigInt(output, value);
    case "object":
      return value === null ? writeByte(output, 0xc0) : writeObject(output, value, depth);
    default:
      throw new MessagePackFault(`it holds a value of type ${typeof value}, which is not plain data`);
  }
}

function writeObject(output: Output, value: object, depth: number): void {
  if (value instanceof Uint8Array) return writeBytes(output, value);
  if (depth >= maximumDepth) throw new MessagePackFault(`it is nested deeper than ${maximumDepth} levels`);
  if (Array.isArray(value)) {
    writeHead(output, value.length, { fix: 0x90, fixBits: 4, long: 0xdc });
    for (const item of value) write(output, item, depth + 1);
    return;
  }
  const special = output.extension(value);
  if (special !== undefined) return writeExtension(output, special);
  if (!isPlain(value)) throw new MessagePackFault(`it holds ${nameOf(value)}, which is not plain data`);
  writeMap(output, value as Readonly<Record<string, unknown>>, depth);
}

function writeMap(output: Output, value: Readonly<Record<string, unknown>>, depth: number): void {
  const keys = Object.keys(value);
  let count = 0;
  for (const key of keys) if (value[key] !== undefined) count += 1;
  writeHead(output, count, { fix: 0x80, fixBits: 4, long: 0xde });
  for (const key of keys) {
    const item = value[key];
    if (item === undefined) continue;
    writeText(output, key);
    write(output, item, depth + 1);
  }
}

/** Of no class, or of one that hides nothing and is not a list of its own. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return nameOf(value) === "[object Object]" && !(Symbol.iterator in value);
}

function nameOf(value: object): string {
  return Object.prototype.toString.call(value);
}

function writeNumber(output: Output, value: number): void {
  if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0xffff_ffff) {
    reserve(output, 9);
    output.bytes[output.at] = 0xcb;
    output.view.setFloat64(output.at + 1, value);
    output.at += 9;
  } else if (value >= 0) {
    if (value < 0x80) writeByte(output, value);
    else writeSized(output, value, 0xcc);
  } else if (value >= -0x20) writeByte(output, value & 0xff);
  else writeNegative(output, value);
}

function writeNegative(output: Output, value: number): void {
  reserve(output, 5);
  const { bytes, view, at } = output;
  if (value >= -0x80) {
    bytes[at] = 0xd0;
    view.setInt8(at + 1, value);
    output.at += 2;
  } else if (value >= -0x8000) {
    bytes[at] = 0xd1;
    view.setInt16(at + 1, value);
    output.at += 3;
  } else {
    bytes[at] = 0xd2;
    view.setInt32(at + 1, value);
    output.at += 5;
  }
}

function writeBigInt(output: Output, value: bigint): void {
  if (value < -(2n ** 63n) || value >= 2n ** 64n)
    throw new MessagePackFault("it holds an integer of more than 64 bits");
  reserve(output, 9);
  const isSigned = value < 2n ** 63n;
  output.bytes[output.at] = isSigned ? 0xd3 : 0xcf;
  if (isSigned) output.view.setBigInt64(output.at + 1, value);
  else output.view.setBigUint64(output.at + 1, value);
  output.at += 9;
}

function writeText(output: Output, value: string): void {
  const { length } = value;
  if (length < shortText && writeShortAscii(output, value)) return;
  // Three bytes for each unit of UTF-16 are enough: what takes four is two units.
  reserve(output, 5 + 3 * length);
  const headBytes = 3 * length < 32 ? 1 : 3 * length < 0x100 ? 2 : 3 * length < 0x1_0000 ? 3 : 5;
  const begin = output.at + headBytes;
  const { written } = utf8.encodeInto(value, output.bytes.subarray(begin));
  if (headBytes === 1) writeByte(output, 0xa0 | written);
  else writeSizedIn(output, written, 0xd9, headBytes - 1);
  output.at = begin + written;
}

/** @returns false, with nothing written, where there is anything but ASCII */
function writeShortAscii(output: Output, value: string): boolean {
  const { length } = value;
  reserve(output, 2 + length);
  const { bytes, at } = output;
  const begin = at + (length < 32 ? 1 : 2);
  for (let index = 0; index < length; index += 1) {
    const unit = value.charCodeAt(index);
    if (unit >= 0x80) return false;
    bytes[begin + index] = unit;
  }
  if (length < 32) bytes[at] = 0xa0 | length;
  else {
    bytes[at] = 0xd9;
    bytes[at + 1] = length;
  }
  output.at = begin + length;
  return true;
}

function writeBytes(output: Output, value: Uint8Array): void {
  writeSized(output, value.length, 0xc4);
  reserve(output, value.length);
  output.bytes.set(value, output.at);
  output.at += value.length;
}

function writeExtension(output: Output, { type, body }: { readonly type: number; readonly body: Uint8Array }): void {
  writeSized(output, body.length, 0xc7);
  writeByte(output, type);
  reserve(output, body.length);
  output.bytes.set(body, output.at);
  output.at += body.length;
}

interface HeadForms {
  /** Head whose low bits are the length. */
  readonly fix: number;
  readonly fixBits: number;
  /** Head before a length of 16 bits; the next one is for 32. */
  readonly long: number;
}

function writeHead(output: Output, length: number, { fix, fixBits, long }: HeadForms): void {
  if (length < 1 << fixBits) writeByte(output, fix | length);
  else writeSizedIn(output, length, long - 1, length < 0x1_0000 ? 2 : 4);
}

/** A length or number in as few bytes as it takes. @param head - that of one byte; two and four follow it */
function writeSized(output: Output, value: number, head: number): void {
  writeSizedIn(output, value, head, value < 0x100 ? 1 : value < 0x1_0000 ? 2 : 4);
}

function writeSizedIn(output: Output, value: number, head: number, size: number): void {
  reserve(output, 5);
  const { view, at } = output;
  view.setUint8(at, head + (size === 1 ? 0 : size === 2 ? 1 : 2));
  if (size === 1) view.setUint8(at + 1, value);
  else if (size === 2) view.setUint16(at + 1, value);
  else view.setUint32(at + 1, value);
  output.at += 1 + size;
}

function writeByte(output: Output, byte: number): void {
  reserve(output, 1);
  output.bytes[output.at] = byte;
  output.at += 1;
}

function reserve(output: Output, bytes: number): void {
  const needed = output.at + bytes;
  if (needed <= output.bytes.length) return;
  const grown = new Uint8Array(Math.max(2 * output.bytes.length, needed));
  grown.set(output.bytes.subarray(0, output.at));
  output.bytes = grown;
  output.view = new DataView(grown.buffer);
}
