/** Copies of vectors on their way over a simulated network: in regions of kernel memory that are used again and again. */
import type { KernelMemory, Region } from "@shoal/kernels-wasm";

export interface VectorCopy {
  readonly view: Float32Array;
  /** Nobody reads or writes it any more. A copy that is not given back is used again in another run only. */
  release(): void;
}

const emptyCopy = { release: () => undefined } as const;

export class VectorPool {
  readonly #memory: KernelMemory;
  readonly #idle = new Map<number, Region[]>();
  readonly #lent = new Map<Region, number>();
  /** Bytes of kernel memory that it holds. */
  bytes = 0;

  constructor(memory: KernelMemory) {
    this.#memory = memory;
  }

  /** @param length elements, not 0 */
  take(length: number): VectorCopy {
    const region = this.#idleOf(length).pop() ?? this.#allocate(length);
    this.#lent.set(region, length);
    return { view: this.#memory.floats(region.byteOffset, length), release: () => this.#giveBack(region) };
  }

  copy(source: Float32Array): VectorCopy {
    if (source.length === 0) return { view: source, ...emptyCopy };
    const copy = this.take(source.length);
    copy.view.set(source);
    return copy;
  }

  /** A run is over, and all of its processes are gone. */
  endRun(): void {
    for (const region of [...this.#lent.keys()]) this.#giveBack(region);
  }

  #giveBack(region: Region): void {
    const length = this.#lent.get(region);
    if (length === undefined) return;
    this.#lent.delete(region);
    this.#idleOf(length).push(region);
  }

  #allocate(length: number): Region {
    const before = this.#memory.allocatedBytes;
    const region = this.#memory.allocate(length * 4);
    this.bytes += this.#memory.allocatedBytes - before;
    return region;
  }

  #idleOf(length: number): Region[] {
    const known = this.#idle.get(length);
    if (known !== undefined) return known;
    const fresh: Region[] = [];
    this.#idle.set(length, fresh);
    return fresh;
  }
}
