/**
 * Keeps a client's work in a folder of Node: a file for each name. A file has its name when it is whole and on the disk: it is
 * written beside, synchronised, then renamed.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ShoalError } from "@shoal/errors";
import type { ClientStorage } from "../client-storage.ts";

/** Files that are being written; a killed process leaves one. */
const unfinished = ".part";
/** There may be a key among them, and what was learnt from data of this device. */
const ownerOnly = 0o600;

/**
 * One client at a time uses a folder.
 * @param folder - made when it is first written to
 */
export function createFolderStorage(folder: string): ClientStorage {
  // Names have no "%": one file for each, none in another folder.
  const pathOf = (name: string): string => join(folder, `${name.replaceAll("/", "%")}.bin`);
  return {
    get: (name) => guarded(`read ${name}`, () => absent(readFile(pathOf(name)))),
    set: (name, content) => guarded(`write ${name}`, () => writeWhole(folder, pathOf(name), content)),
    clear: (prefix) => guarded(`clear ${prefix}`, () => clear(folder, prefix)),
  };
}

async function guarded<T>(what: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ShoalError("store_unavailable", `cannot ${what}: ${reason}`, {}, { cause });
  }
}

async function writeWhole(folder: string, path: string, content: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true });
  const beside = `${path}.${randomBytes(6).toString("hex")}${unfinished}`;
  try {
    const file = await open(beside, "wx", ownerOnly);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** With what killed processes have left of these names. */
async function clear(folder: string, prefix: string): Promise<void> {
  const names = (await absent(readdir(folder))) ?? [];
  const own = names.filter((name) => name.startsWith(prefix.replaceAll("/", "%")));
  await Promise.all(own.map((name) => rm(join(folder, name), { force: true })));
}

async function absent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
