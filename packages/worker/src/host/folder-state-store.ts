/** Saved states as files: `FOLDER/RUN/WORKER.state`, in the run's own folder. */
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ShoalError } from "@shoal/errors";
import type { WorkerStateStore } from "../saved/state-store.ts";

/** Names become file names: what the protocol allows in them holds no separator, and this makes sure of it. */
const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

export function createFolderStateStore(folder: string): WorkerStateStore {
  const fileOf = (run: string, worker: string): string => {
    for (const name of [run, worker]) {
      if (!safeName.test(name)) throw new ShoalError("invalid_argument", `${JSON.stringify(name)} is no file name`);
    }
    return join(folder, run, `${worker}.state`);
  };
  return {
    async save(run, worker, bytes) {
      const file = fileOf(run, worker);
      try {
        await mkdir(dirname(file), { recursive: true });
        await writeWhole(file, bytes);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new ShoalError("file_not_writable", `cannot write ${file}: ${reason}`, { file }, { cause });
      }
    },
    async load(run, worker) {
      try {
        return await readFile(fileOf(run, worker));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    async remove(run, worker) {
      await rm(fileOf(run, worker), { force: true });
    },
  };
}

/** The new file is on the disk before it takes the old one's name: whenever the machine stops, one of them is whole. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const part = `${file}.part`;
  try {
    const handle = await open(part, "w");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw error;
  }
}
