/** Writes a file whole or not at all. */
import { rename, rm, writeFile } from "node:fs/promises";
import { notWritable } from "../environment/folders.ts";

/** @throws ShoalError file_not_writable */
export async function writeFileWhole(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(`${file}.part`, bytes);
    await rename(`${file}.part`, file);
  } catch (cause) {
    await rm(`${file}.part`, { force: true }).catch(() => undefined);
    throw notWritable(file, cause);
  }
}
