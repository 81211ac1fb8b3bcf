/** Kernel memory with random vectors in it, for kernels to be measured on. */
import {
  createKernelMemory,
  instantiateKernels,
  loadKernelModules,
  type KernelMemory,
  type KernelModules,
  type Kernels,
  type Offset,
} from "@shoal/kernels-wasm";

export interface Site {
  readonly memory: KernelMemory;
  readonly modules: KernelModules;
  /** The fastest build that this engine runs. */
  readonly kernels: Kernels;
  /** The deterministic profile. */
  readonly baseline: Kernels;
  /** A vector of `count` numbers in ±1, the same ones in every run. */
  floats(count: number): Vector;
  integers(count: number, below: number): Vector;
  /** Room of so many bytes. */
  bytes(count: number): Offset;
  /** Gives back what was handed out since the last call. */
  clear(): void;
}

export interface Vector {
  readonly at: Offset;
  /** A copy in JavaScript's own memory, for peers. */
  readonly values: Float32Array;
}

export async function createSite(): Promise<Site> {
  const memory = createKernelMemory();
  const modules = await loadKernelModules();
  const regions: { byteOffset: Offset; byteLength: number }[] = [];
  const next = createRandom();
  const take = (bytes: number): Offset => {
    const region = memory.allocate(bytes);
    regions.push(region);
    return region.byteOffset;
  };
  return {
    memory,
    modules,
    kernels: instantiateKernels(modules, memory),
    baseline: instantiateKernels(modules, memory, { build: "baseline" }),
    floats(count) {
      const at = take(count * 4);
      const values = new Float32Array(count);
      for (let index = 0; index < count; index++) values[index] = next() / 2 ** 31 - 1;
      memory.floats(at, count).set(values);
      return { at, values };
    },
    integers(count, below) {
      const at = take(count * 4);
      const values = Float32Array.from({ length: count }, () => next() % below);
      new Int32Array(memory.memory.buffer, at, count).set(values);
      return { at, values };
    },
    bytes: take,
    clear() {
      for (const region of regions.splice(0)) memory.free(region);
    },
  };
}

/** Numbers in [0, 2^32), as good as it takes to fill a matrix (xorshift32). */
function createRandom(): () => number {
  let state = 0x9e37_79b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
