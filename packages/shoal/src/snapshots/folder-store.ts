/**
 * Snapshots in a folder: one file an object.
 *
 * Invariants
 *   D1  A file has its name when it is whole and on the disk: it is written beside, synchronised, then renamed, and the
 *       folder is synchronised after it.
 *   D2  Contents of a pointer are numbered files, `latest.1`, `latest.2`, …; a link to a number that is there fails, which
 *       makes it a compare-and-set among processes that share the folder.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { ShoalError } from "@shoal/errors";
import type { SnapshotSource, SnapshotStore, StoredObject, StoredPointer } from "@shoal/protocol";

/** Bytes of one write: small enough that a server answers workers in between. */
const partBytes = 1 << 20;
/** Files that are being written; a killed process leaves one. */
const unfinished = ".part";

/** @param root made when it is first written to */
export function createFolderStore(root: string): SnapshotStore {
  const folder = resolve(root);
  const place = `folder ${folder}`;
  const pathOf = (name: string): string => {
    const path = join(folder, ...name.split("/"));
    if (path.startsWith(folder + sep)) return path;
    throw new ShoalError("invalid_argument", `${name} is no name of an object in ${place}`, { object: name });
  };
  const guarded = async <T>(what: string, use: () => Promise<T>): Promise<T> => {
    try {
      return await use();
    } catch (cause) {
      if (cause instanceof ShoalError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ShoalError("store_unavailable", `${place}: cannot ${what}: ${reason}`, { place }, { cause });
    }
  };
  return {
    place,
    write: (name, source) => guarded(`write ${name}`, () => writeWhole(pathOf(name), source)),
    read: (name) => guarded(`read ${name}`, () => absent(readFile(pathOf(name)))),
    list: (prefix) => guarded(`list ${prefix}`, () => list(folder, prefix === "" ? folder : pathOf(prefix))),
    remove: (name) => guarded(`remove ${name}`, () => remove(folder, pathOf(name))),
    readPointer: (name) => guarded(`read ${name}`, () => readPointer(pathOf(name))),
    writePointer: (name, text, expected) =>
      guarded(`write ${name}`, () => writePointer(pathOf(name), text, expected === null ? 0 : Number(expected))),
  };
}

async function writeWhole(path: string, source: SnapshotSource): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${randomBytes(6).toString("hex")}${unfinished}`;
  try {
    const file = await open(beside, "wx");
    try {
      source.rewind();
      await writeParts(file, source);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
    await synchronise(dirname(path));
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function writeParts(file: FileHandle, source: SnapshotSource): Promise<void> {
  for (let part = source.next(partBytes); part !== undefined; part = source.next(partBytes)) {
    for (let written = 0; written < part.length;) {
      written += (await file.write(part, written, part.length - written)).bytesWritten;
    }
  }
}

/** What makes a new name outlive a power cut; not every system can do it to a folder. */
async function synchronise(folder: string): Promise<void> {
  const file = await open(folder, "r").catch(() => undefined);
  await file?.sync().catch(() => undefined);
  await file?.close();
}

async function absent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function list(root: string, folder: string): Promise<readonly StoredObject[]> {
  const entries = (await absent(readdir(folder, { withFileTypes: true, recursive: true }))) ?? [];
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(unfinished));
  const found: StoredObject[] = [];
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    const size = (await absent(stat(path)))?.size;
    if (size !== undefined) found.push({ name: relative(root, path).split(sep).join("/"), bytes: size });
  }
  return found;
}

/** Removes empty folders above with it. */
async function remove(root: string, path: string): Promise<void> {
  await rm(path, { force: true });
  const folder = dirname(path);
  if (folder === root) return;
  const rest = (await absent(readdir(folder))) ?? [];
  const isLeftOver = rest.every((name) => name.endsWith(unfinished));
  if (isLeftOver) await rm(folder, { recursive: true, force: true });
}

async function newest(path: string): Promise<number> {
  const names = (await absent(readdir(dirname(path)))) ?? [];
  const prefix = `${path.slice(dirname(path).length + 1)}.`;
  const numbers = names.filter((name) => name.startsWith(prefix)).map((name) => Number(name.slice(prefix.length)));
  return numbers.reduce((most, number) => (Number.isSafeInteger(number) ? Math.max(most, number) : most), 0);
}

async function readPointer(path: string): Promise<StoredPointer | undefined> {
  for (;;) {
    const number = await newest(path);
    if (number === 0) return undefined;
    const text = await absent(readFile(`${path}.${number}`, "utf8"));
    // It has been replaced meanwhile.
    if (text !== undefined) return { text, revision: String(number) };
  }
}

async function writePointer(path: string, text: string, expected: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${randomBytes(6).toString("hex")}${unfinished}`;
  const file = await open(beside, "wx");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    if ((await newest(path)) !== expected) throw conflict(path);
    await link(beside, `${path}.${expected + 1}`).catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === "EEXIST" ? conflict(path) : error;
    });
  } finally {
    await rm(beside, { force: true });
  }
  await synchronise(dirname(path));
  if (expected > 0) await rm(`${path}.${expected}`, { force: true });
}

function conflict(path: string): ShoalError {
  return new ShoalError("store_conflict", `${path} was changed by somebody else`, { path });
}
