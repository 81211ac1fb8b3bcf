/** Reads data files piece by piece, unpacking gzip on the way; never more than a few pieces are in memory. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { ShoalError } from "@shoal/errors";
import { invalidByte } from "../data/line-splitter.ts";
import { notReadable } from "./read-file.ts";

const pieceBytes = 1 << 18;

/** @throws ShoalError data_not_found; data_corrupt when gzip data is damaged or cut short */
export async function* readPieces(file: string): AsyncGenerator<Uint8Array> {
  const packed = await isPacked(file);
  const source = createReadStream(file, { highWaterMark: pieceBytes });
  if (!packed) {
    try {
      for await (const piece of source) yield piece as Uint8Array;
    } catch (error) {
      throw notReadable(file, error);
    }
    return;
  }
  const gunzip = createGunzip({ chunkSize: pieceBytes });
  pipeline(source, gunzip, () => undefined); // the error reaches the loop below
  try {
    for await (const piece of gunzip) yield piece as Uint8Array;
  } catch (error) {
    const position = gunzip.bytesWritten;
    const reason = error instanceof Error ? error.message : String(error);
    const sentence = `${file}: the gzip data cannot be unpacked: ${reason} (at byte ${position})`;
    throw new ShoalError("data_corrupt", sentence, { file, position }, { cause: error });
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}

async function isPacked(file: string): Promise<boolean> {
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read({ buffer: new Uint8Array(2), position: 0 });
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } catch (error) {
    throw notReadable(file, error);
  }
}

/** As text. @throws ShoalError as `readPieces`; data_corrupt with the byte that is not UTF-8 */
export async function* readTextPieces(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let position = 0;
  let tail: Uint8Array = new Uint8Array(0);
  const decode = (piece?: Uint8Array): string => {
    try {
      return piece === undefined ? decoder.decode() : decoder.decode(piece, { stream: true });
    } catch {
      const joined = Buffer.concat([tail, piece ?? new Uint8Array(0)]);
      const at = position - tail.length + Math.min(invalidByte(joined), Math.max(0, joined.length - 1));
      throw new ShoalError("data_corrupt", `${file}: the text is not UTF-8 (at byte ${at})`, { file, position: at });
    }
  };
  for await (const piece of readPieces(file)) {
    yield decode(piece);
    position += piece.length;
    // What a character that hangs over the edge of a piece can have in the piece before.
    tail = piece.slice(Math.max(0, piece.length - 3));
    while (tail.length > 0 && (tail[0] ?? 0) >> 6 === 0b10) tail = tail.subarray(1);
  }
  const rest = decode();
  if (rest !== "") yield rest;
}
