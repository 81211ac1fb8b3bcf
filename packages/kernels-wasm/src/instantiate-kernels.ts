/**
 * Instantiates compiled kernels on a kernel memory. Every thread has an instance of its own, with a scratch region of
 * its own (matrix products pack their panels there); all instances of a process share one memory.
 */
import { faceOf, type CoreExports } from "./kernel-face.ts";
import type { KernelMemory, Region } from "./kernel-memory.ts";
import type { MemoryModules, KernelModules } from "./kernel-modules.ts";
import type { KernelBuild, Kernels } from "./kernels.ts";

/** Bytes of scratch that an instance needs: the owner of the memory allocates them for each thread. */
export const kernelScratchBytes = 1_554_432;

/** A memory with the scratch region that this instance alone may use. */
export interface ScratchedMemory {
  readonly memory: WebAssembly.Memory;
  readonly scratch: Region;
}

export interface InstantiateOptions {
  /** "auto" (default): relaxed where the engine can run it. */
  readonly build?: "auto" | KernelBuild;
}

/**
 * Instantiates the kernels without waiting.
 *
 * @param memory - a kernel memory, of which the scratch is taken for good; or a memory with its scratch
 * @throws RangeError when this engine cannot run the build, or the scratch is too small
 * @throws ShoalError out_of_memory - when there is no room for the scratch
 */
export function instantiateKernels(
  modules: KernelModules,
  memory: KernelMemory | ScratchedMemory,
  options: InstantiateOptions = {},
): Kernels {
  const { core, build } = instantiateCore(modules, memory, options);
  return faceOf(core, build);
}

/** The same, without the face: what the modules export. */
export function instantiateCore(
  modules: KernelModules,
  memory: KernelMemory | ScratchedMemory,
  options: InstantiateOptions,
): { readonly core: CoreExports; readonly build: KernelBuild } {
  const wanted = options.build ?? "auto";
  const build = wanted === "auto" ? (modules.relaxed === undefined ? "baseline" : "relaxed") : wanted;
  const scratch = "scratch" in memory ? memory.scratch : memory.allocate(kernelScratchBytes);
  if (scratch.byteLength < kernelScratchBytes) {
    throw new RangeError(`the scratch has ${scratch.byteLength} bytes; the kernels need ${kernelScratchBytes}`);
  }
  const env = { memory: memory.memory };
  const products = new WebAssembly.Instance(moduleFor(modules[build], build, memory.memory), { env }).exports;
  const { exports } = new WebAssembly.Instance(moduleFor(modules.core, build, memory.memory), { env, products });
  // The binaries are ours and a test compares their exports with this type.
  const core = exports as unknown as CoreExports;
  core.setScratch(scratch.byteOffset);
  return { core, build };
}

/** What a thread is sent to make its own instance: all of it survives structured clone when the memory is shared. */
export interface KernelAttachment extends ScratchedMemory {
  readonly modules: KernelModules;
  readonly build: KernelBuild;
}

/** Instantiates the kernels in another thread, on the memory and with the scratch that its owner sent. */
export function attachKernels(attachment: KernelAttachment): Kernels {
  return instantiateKernels(attachment.modules, attachment, { build: attachment.build });
}

function moduleFor(
  modules: MemoryModules | undefined,
  build: KernelBuild,
  memory: WebAssembly.Memory,
): WebAssembly.Module {
  if (modules === undefined) throw new RangeError(`this engine cannot run the ${build} kernels (no relaxed SIMD)`);
  const module = isShared(memory) ? modules.shared : modules.private;
  if (module === undefined) throw new RangeError("the kernels were loaded where shared memory does not exist");
  return module;
}

function isShared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer;
}
