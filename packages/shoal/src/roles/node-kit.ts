/** What every process of Shoal has once: kernel memory, kernels on this thread, data and model folders. */
import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ShoalError } from "@shoal/errors";
import {
  createKernelMemory,
  instantiateKernels,
  loadKernelModules,
  type KernelMemory,
  type KernelModules,
  type Kernels,
} from "@shoal/kernels-wasm";
import type { Dataset, DatasetSpec } from "@shoal/models";
import { loadDatasetInThread, releaseDataset } from "@shoal/models/host";
import { cacheFolder, notWritable, type Environment } from "../environment/folders.ts";
import { writeFileWhole } from "../model/write-whole.ts";

export interface NodeKit {
  readonly memory: KernelMemory;
  readonly modules: KernelModules;
  /** The kernels of the thread that answers messages: the shards' arithmetic. */
  readonly kernels: Kernels;
}

export async function createNodeKit(): Promise<NodeKit> {
  const modules = await loadKernelModules();
  const memory = createKernelMemory();
  return { memory, modules, kernels: instantiateKernels(modules, memory) };
}

export interface DataFolders {
  readonly dataFolder: string | undefined;
  readonly environment: Environment;
  readonly log: (sentence: string) => void;
}

/**
 * Loads data sets, each in a thread of its own: this one keeps the leases. The same specification is loaded once, however
 * many workers of this process ask for it.
 */
export function createDatasetLoader(folders: DataFolders): (spec: DatasetSpec) => Promise<Dataset> {
  const loaded = new Map<string, Promise<Dataset>>();
  let replaced: Promise<Dataset>[] = [];
  return (spec) => {
    const key = JSON.stringify(spec);
    const known = loaded.get(key);
    if (known !== undefined) return known;
    const loading = loadDatasetInThread(spec, {
      dataFolder: folders.dataFolder,
      cacheFolder: cacheFolder(folders.environment),
      log: folders.log,
    });
    // Only the newest set is kept: sets are large, and runs follow one another.
    // A run may just be opening the files of the last one, so these outlive it by one.
    for (const old of replaced) void old.then(releaseDataset, () => undefined);
    replaced = [...loaded.values()];
    loaded.clear();
    loaded.set(key, loading);
    loading.catch(() => loaded.delete(key));
    return loading;
  };
}

/**
 * Reads a model file; paths that are not absolute begin at the working directory.
 * @throws ShoalError data_not_found
 */
export async function readModelFile(file: string): Promise<Uint8Array> {
  const path = resolve(file);
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ShoalError("data_not_found", `cannot read ${path}: ${reason}`, { file: path }, { cause });
  }
}

/**
 * Writes a run's model into the run's folder, whole or not at all.
 * @returns the absolute path
 * @throws ShoalError file_not_writable - the disk is full, or the folder is gone
 */
export async function writeModelFile(runsFolder: string, run: string, bytes: Uint8Array): Promise<string> {
  const folder = join(runsFolder, run);
  const file = join(folder, "model.safetensors");
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw notWritable(file, cause);
  }
  await writeFileWhole(file, bytes);
  return file;
}
