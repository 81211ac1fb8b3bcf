/** Reads data files whole, unpacking gzip, with errors that name the file. */
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { ShoalError } from "@shoal/errors";
import { parseIdx, type IdxArray } from "../data/idx.ts";

const unpack = promisify(gunzip);

/** Most bytes of one data file once unpacked: what one view can span everywhere. */
const fileLimit = 2 ** 31 - 1;

/** @throws ShoalError data_not_found */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw notReadable(file, error);
  }
}

/** The error for a file that could not be read. */
export function notReadable(file: string, error: unknown): ShoalError {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const reason = code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`;
  return new ShoalError("data_not_found", `${file}: ${reason}`, { file }, { cause: error });
}

/** Unpacks bytes that begin like gzip; others are returned as they are. @throws ShoalError data_corrupt */
export async function unpacked(bytes: Uint8Array, file: string, limit: number = fileLimit): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await unpack(bytes, { maxOutputLength: limit });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const sentence = `${file}: the gzip data cannot be unpacked: ${reason} (of ${bytes.length} bytes)`;
    throw new ShoalError("data_corrupt", sentence, { file, position: bytes.length }, { cause: error });
  }
}

/** @throws ShoalError data_not_found, data_corrupt */
export async function readIdxFile(file: string): Promise<IdxArray> {
  return parseIdx(await unpacked(await readBytes(file), file), file);
}
