/** Kernels of one build with a memory of their own, for numeric tests. */
import {
  createKernelMemory,
  instantiateKernels,
  loadKernelModules,
  type KernelBuild,
  type KernelMemory,
  type Kernels,
  type Offset,
  type Region,
} from "@shoal/kernels-wasm";

const modules = await loadKernelModules();

/** A vector in kernel memory with a guard value on either side. */
export interface SiteVector {
  readonly at: Offset;
  readonly view: Float32Array;
}

export interface KernelSite {
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  /** Copies values into kernel memory, `shift` floats after a multiple of 64 bytes. */
  vector(values: ArrayLike<number>, shift?: number): SiteVector;
  /** Vector of `count` NaN, to be overwritten. */
  blank(count: number, shift?: number): SiteVector;
  integers(values: ArrayLike<number>): Offset;
  /** Throws when a guard around any vector was overwritten, and frees all vectors. */
  clear(): void;
}

const guard = 12_345.5;

export function createKernelSite(build: KernelBuild): KernelSite {
  const memory = createKernelMemory({ maximumBytes: 2 ** 28 });
  const kernels = instantiateKernels(modules, memory, { build });
  const guards: Float32Array[] = [];
  const regions: Region[] = [];
  const vector = (values: ArrayLike<number>, shift = 0): SiteVector => {
    const region = memory.allocate((values.length + shift + 8) * 4);
    regions.push(region);
    const at = region.byteOffset + (4 + shift) * 4;
    const view = memory.floats(at, values.length);
    view.set(values);
    for (const edge of [memory.floats(at - 16, 4), memory.floats(at + values.length * 4, 4)]) {
      edge.fill(guard);
      guards.push(edge);
    }
    return { at, view };
  };
  return {
    kernels,
    memory,
    vector,
    blank: (count, shift = 0) => vector(new Float32Array(count).fill(NaN), shift),
    integers(values) {
      const region = memory.allocate(values.length * 4);
      regions.push(region);
      new Int32Array(memory.memory.buffer, region.byteOffset, values.length).set(values);
      return region.byteOffset;
    },
    clear() {
      const broken = guards.find((edge) => edge.some((value) => value !== guard));
      if (broken !== undefined) throw new Error(`a kernel wrote outside of a vector: ${broken.join(", ")}`);
      guards.length = 0;
      for (const region of regions.splice(0)) memory.free(region);
    },
  };
}
