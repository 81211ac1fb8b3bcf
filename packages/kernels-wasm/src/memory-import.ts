/**
 * Fits a kernel binary to a private or a shared memory by rewriting one byte of it.
 *
 * A WebAssembly module states in its import section whether its memory is shared, but nothing in our code depends on it
 * (no atomics). So each arithmetic is compiled once and the flag of the limits is set when it is loaded.
 *
 * Source  WebAssembly core specification 3.0, 5.5.5 (import section) and 5.3.10 (limits).
 */
import { ShoalError } from "@shoal/errors";

const importSection = 2;
const memoryKind = 2;
const functionKind = 0;
const globalKind = 3;
/** Flags of limits that have a maximum: bit 0 maximum, bit 1 shared. */
const limitsFlag = { private: 1, shared: 3 } as const;

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * Returns a copy of a binary that imports a memory (with a maximum), functions and globals, for a memory that is shared
 * or not.
 *
 * @param binary - borrowed
 * @throws ShoalError data_corrupt - when the bytes are not such a binary
 */
export function withMemoryImport(binary: Uint8Array, shared: boolean): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(binary);
  const at = memoryLimitsAt(copy);
  const flag = copy[at];
  if (flag !== limitsFlag.private && flag !== limitsFlag.shared) throw corrupt(`limits flag ${flag}`, at);
  copy[at] = shared ? limitsFlag.shared : limitsFlag.private;
  return copy;
}

function memoryLimitsAt(bytes: Uint8Array): number {
  const cursor: Cursor = { bytes, at: 8 };
  while (cursor.at < bytes.length) {
    const section = readByte(cursor);
    const length = readUnsigned(cursor);
    if (section === importSection) return inImports(cursor);
    cursor.at += length;
  }
  throw corrupt("no import section", bytes.length);
}

/** Finds the memory among the imports. */
function inImports(cursor: Cursor): number {
  for (let left = readUnsigned(cursor); left > 0; left--) {
    skipName(cursor);
    skipName(cursor);
    const kind = readByte(cursor);
    if (kind === memoryKind) return cursor.at;
    if (kind === functionKind) readUnsigned(cursor);
    else if (kind === globalKind) cursor.at += 2;
    else throw corrupt(`import of kind ${kind}`, cursor.at);
  }
  throw corrupt("no import of a memory", cursor.at);
}

function skipName(cursor: Cursor): void {
  const length = readUnsigned(cursor);
  cursor.at += length;
}

function readByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at++];
  if (byte === undefined) throw corrupt("end of file", cursor.at);
  return byte;
}

/** LEB128, at most five bytes. */
function readUnsigned(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = readByte(cursor);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw corrupt("number of more than five bytes", cursor.at);
}

function corrupt(what: string, position: number): ShoalError {
  return new ShoalError("data_corrupt", `The kernel binary is not one of ours: ${what} at byte ${position}.`, {
    position,
  });
}
