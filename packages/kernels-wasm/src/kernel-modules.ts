/**
 * The compiled kernels: a module for each arithmetic and kind of memory, ready to be instantiated without waiting.
 *
 * Plain data of WebAssembly.Module objects, so a thread gets it by structured clone (postMessage) and compiles nothing.
 */
import { detectBuild } from "./detect-build.ts";
import { readBinary } from "./host/read-binary.ts";
import type { KernelBuild } from "./kernels.ts";
import { withMemoryImport } from "./memory-import.ts";

/** The modules of one build; `shared` is missing where the platform has no shared memory. */
export interface BuildModules {
  readonly private: WebAssembly.Module;
  readonly shared?: WebAssembly.Module;
}

/** `relaxed` is missing where the engine cannot run it. */
export interface KernelModules {
  readonly baseline: BuildModules;
  readonly relaxed?: BuildModules;
}

/** Bytes of the binaries as the build script wrote them. */
export type KernelBinaries = Readonly<Record<KernelBuild, Uint8Array>>;

/**
 * Reads (unless given) and compiles the kernels that this engine can run: about 40 kB, a few milliseconds.
 *
 * @param binaries - borrowed; for hosts that bring the bytes themselves, such as a single-file bundle
 * @throws ShoalError missing_tool - when the kernels have not been compiled
 */
export async function loadKernelModules(binaries?: KernelBinaries): Promise<KernelModules> {
  const load = async (build: KernelBuild): Promise<BuildModules> =>
    compileBuild(binaries?.[build] ?? (await readBinary(build)));
  if (detectBuild() === "baseline") return { baseline: await load("baseline") };
  const [baseline, relaxed] = await Promise.all([load("baseline"), load("relaxed")]);
  return { baseline, relaxed };
}

async function compileBuild(binary: Uint8Array): Promise<BuildModules> {
  const module = await WebAssembly.compile(withMemoryImport(binary, false));
  if (typeof SharedArrayBuffer === "undefined") return { private: module };
  return { private: module, shared: await WebAssembly.compile(withMemoryImport(binary, true)) };
}
