/**
 * Writes protocol buffers: as much of the wire format as ONNX files need. A message is a list of pieces that are copied
 * once, at the end, because the tensors in it may be large.
 *
 * Source    the Encoding page of the Protocol Buffers documentation.
 */

export interface Message {
  readonly pieces: readonly Uint8Array[];
  readonly byteLength: number;
}

const varintWire = 0;
const lengthWire = 2;
const fixed32Wire = 5;

function key(field: number, wire: number): Uint8Array {
  return varint(field * 8 + wire);
}

/** Seven bits a byte, the lowest first; negative numbers as 64-bit two's complement. */
function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low + 128);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

function messageOf(...pieces: readonly Uint8Array[]): Message {
  return { pieces, byteLength: pieces.reduce((sum, piece) => sum + piece.byteLength, 0) };
}

/** One message of the fields of several. */
export function join(fields: readonly Message[]): Message {
  return {
    pieces: fields.flatMap(({ pieces }) => pieces),
    byteLength: fields.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}

/** A whole number. */
export function integerField(field: number, value: number): Message {
  return messageOf(key(field, varintWire), varint(value));
}

export function floatField(field: number, value: number): Message {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return messageOf(key(field, fixed32Wire), bytes);
}

/** Keeps `bytes` until the message is written. */
export function bytesField(field: number, bytes: Uint8Array): Message {
  return messageOf(key(field, lengthWire), varint(bytes.byteLength), bytes);
}

export function textField(field: number, text: string): Message {
  return bytesField(field, new TextEncoder().encode(text));
}

/** A message within a message. */
export function messageField(field: number, ...fields: readonly Message[]): Message {
  const inner = join(fields);
  const head = messageOf(key(field, lengthWire), varint(inner.byteLength));
  return join([head, inner]);
}

export function toBytes(message: Message): Uint8Array {
  const bytes = new Uint8Array(message.byteLength);
  let at = 0;
  for (const piece of message.pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
