export type { KernelMemory, Region } from "./kernel-memory.ts";
export { activationNames, derivativeReadsInput } from "./activation-codes.ts";
export type { Activation } from "./families/activations.ts";
export { int4Bytes, int8Bytes, signBytes, thresholdBytes, topKScratchBytes } from "./families/encodings.ts";
export { convolutionScratchBytes, convolvedSize, type ConvolutionShape } from "./families/convolution.ts";
export { pooledSize, type PoolShape } from "./families/pooling.ts";
export type { KernelBuild, Kernels, Offset } from "./kernels.ts";
export { createKernelMemory, viewFloats, type KernelMemoryOptions } from "./create-kernel-memory.ts";
export { detectBuild } from "./detect-build.ts";
export { loadKernelModules, type KernelBinaries, type KernelModules, type MemoryModules } from "./kernel-modules.ts";
export {
  attachKernels,
  instantiateKernels,
  kernelScratchBytes,
  type InstantiateOptions,
  type KernelAttachment,
  type ScratchedMemory,
} from "./instantiate-kernels.ts";
export {
  createParallelKernels,
  type ParallelKernels,
  type ParallelOptions,
} from "./parallel/create-parallel-kernels.ts";
