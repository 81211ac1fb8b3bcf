/** Kernels on a memory of their own, for tests of what runs on them. */
import {
  createKernelMemory,
  detectBuild,
  instantiateKernels,
  loadKernelModules,
  type KernelBuild,
  type KernelMemory,
  type Kernels,
} from "@shoal/kernels-wasm";

export interface KernelFixture {
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

/** The builds that this engine can run. */
export const kernelBuilds: readonly KernelBuild[] =
  detectBuild() === "relaxed" ? ["baseline", "relaxed"] : ["baseline"];

export async function kernelFixture(build: KernelBuild | "auto" = "auto", shared = true): Promise<KernelFixture> {
  const memory = createKernelMemory({ shared: shared ? "auto" : false });
  return { memory, kernels: instantiateKernels(await loadKernelModules(), memory, { build }) };
}
