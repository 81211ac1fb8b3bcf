export type { KernelMemory, Region } from "./kernel-memory.ts";
export type { Activation, KernelBuild, Kernels, Offset } from "./kernels.ts";
export { createKernelMemory, viewFloats, type KernelMemoryOptions } from "./create-kernel-memory.ts";
export { detectBuild } from "./detect-build.ts";
export { loadKernelModules, type BuildModules, type KernelBinaries, type KernelModules } from "./kernel-modules.ts";
export {
  attachKernels,
  instantiateKernels,
  kernelScratchBytes,
  type InstantiateOptions,
  type KernelAttachment,
  type ScratchedMemory,
} from "./instantiate-kernels.ts";
