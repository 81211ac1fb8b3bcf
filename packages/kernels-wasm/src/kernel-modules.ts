/**
 * The compiled kernels: a module for each arithmetic and kind of memory, ready to be instantiated without waiting.
 *
 * Plain data of WebAssembly.Module objects, so a thread gets it by structured clone (postMessage) and compiles nothing.
 */
import { detectBuild } from "./detect-build.ts";
import { readBinary } from "./host/read-binary.ts";
import type { KernelBuild } from "./kernels.ts";
import { withMemoryImport } from "./memory-import.ts";

/** One module for each kind of memory; `shared` is missing where the platform has no shared memory. */
export interface MemoryModules {
  readonly private: WebAssembly.Module;
  readonly shared?: WebAssembly.Module;
}

/** The kernels that are the same in every build, and the products of each; `relaxed` is missing where it cannot run. */
export interface KernelModules {
  readonly core: MemoryModules;
  readonly baseline: MemoryModules;
  readonly relaxed?: MemoryModules;
}

/** A binary that the build script writes: the kernels of every build, or the products of one. */
export type KernelBinary = "core" | KernelBuild;

/** Bytes of the binaries. */
export type KernelBinaries = Readonly<Record<KernelBinary, Uint8Array>>;

/**
 * Reads (unless given) and compiles the kernels that this engine can run: about 60 kB, a few milliseconds.
 *
 * @param binaries - borrowed; for hosts that bring the bytes themselves, such as a single-file bundle
 * @throws ShoalError missing_tool - when the kernels have not been compiled
 */
export async function loadKernelModules(binaries?: KernelBinaries): Promise<KernelModules> {
  const load = async (binary: KernelBinary): Promise<MemoryModules> =>
    compileBinary(binaries?.[binary] ?? (await readBinary(binary)));
  const [core, baseline] = await Promise.all([load("core"), load("baseline")]);
  return detectBuild() === "baseline" ? { core, baseline } : { core, baseline, relaxed: await load("relaxed") };
}

async function compileBinary(binary: Uint8Array): Promise<MemoryModules> {
  const module = await WebAssembly.compile(withMemoryImport(binary, false));
  if (typeof SharedArrayBuffer === "undefined") return { private: module };
  return { private: module, shared: await WebAssembly.compile(withMemoryImport(binary, true)) };
}
