/** The cache of downloaded MNIST files: read with checksums, written in one step. */
import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isShoalError, ShoalError } from "@shoal/errors";
import { fileNames, isOriginal, type MnistFile } from "./mnist-files.ts";
import { readBytes, unpacked } from "./read-file.ts";

/** The unpacked content of a file in `folder`, whatever of its names it goes by; undefined when there is none. */
export async function findMnistFile(folder: string, file: MnistFile): Promise<Uint8Array | undefined> {
  for (const name of fileNames(file)) {
    const path = join(folder, name);
    try {
      return await unpacked(await readBytes(path), path);
    } catch (error) {
      if (!isShoalError(error, "data_not_found")) throw error;
    }
  }
  return undefined;
}

/** As {@link findMnistFile}, but what is corrupt or not the original counts as missing. */
export async function findCached(
  folder: string,
  file: MnistFile,
  log: (line: string) => void,
): Promise<Uint8Array | undefined> {
  try {
    const content = await findMnistFile(folder, file);
    if (content === undefined || isOriginal(file, content)) return content;
  } catch (error) {
    if (!isShoalError(error, "data_corrupt")) throw error;
  }
  log(`${join(folder, file.name)} is damaged and will be fetched again`);
  return undefined;
}

/** Writes through a temporary name, so that readers find all of the file or none. @throws ShoalError file_not_writable */
export async function writeCached(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(folder, `.${name}.${randomUUID()}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, join(folder, name));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const reason = error instanceof Error ? error.message : String(error);
    throw new ShoalError("file_not_writable", `${folder} cannot be written: ${reason}`, { folder }, { cause: error });
  }
}
