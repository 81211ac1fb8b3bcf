/**
 * Copies of one shard's values on their way out, shared by the pulls that are served at the same version.
 *
 * Bounds    `copies` regions of the shard's size. A pull that finds none waits in order, as a header.
 * Invariants
 *   C1  A copy is not written to while anyone reads it.
 *   C2  Two pulls share a copy only while it is being read: versions are compared within one life of the shard.
 */
import type { KernelMemory, Kernels, Region } from "@shoal/kernels-wasm";

/** A share in a copy. */
export interface PullCopy {
  readonly bytes: Uint8Array;
  /** Gives the share back; further calls have no effect. */
  release(): void;
}

export interface PullCopies {
  /** Calls `tell` once, now or when a copy has come free. @returns how to give up waiting */
  whenFree(tell: () => void): { cancel(): void };
  /**
   * Takes a share in a copy of `values` (borrowed), in the shard's own turn.
   * @param reader who is named to those that wait for the copy
   * @returns undefined when all copies are of other versions and being read: ask again through `whenFree`
   * @throws ShoalError out_of_memory
   */
  take(values: Float32Array, version: number, reader: string): PullCopy | undefined;
  /** Whether `takeOwn` would find a copy now. */
  hasRoom(): boolean;
  /** The same of data that is this pull's alone: at most `keys` elements, or `longest`. */
  takeOwn(data: Float32Array, reader: string): PullCopy | undefined;
  /** Who reads copies now. */
  readers(): readonly string[];
  readonly idle: boolean;
  /** Frees the regions that nobody reads, and the others as they are given back. */
  dispose(): void;
}

export interface PullCopiesOptions {
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly keys: number;
  /** Elements of the longest data of `takeOwn`. */
  readonly longest: number;
  readonly copies: number;
}

interface Copy {
  readonly region: Region;
  version: number;
  /** Names, one for each share. */
  readonly readers: string[];
}

interface Shelf extends PullCopiesOptions {
  readonly shelf: Copy[];
  readonly waiting: Set<() => void>;
  disposed: boolean;
}

/** Version of a copy that nobody shares. */
const nobodys = -1;

export function createPullCopies(options: PullCopiesOptions): PullCopies {
  const shelf: Shelf = { ...options, shelf: [], waiting: new Set(), disposed: false };
  return {
    whenFree(tell) {
      if (hasFree(shelf) && shelf.waiting.size === 0) tell();
      else shelf.waiting.add(tell);
      return { cancel: () => void shelf.waiting.delete(tell) };
    },
    take(values, version, reader) {
      const copy =
        shelf.shelf.find((other) => other.readers.length > 0 && other.version === version) ?? fill(shelf, values);
      if (copy === undefined) return undefined;
      copy.version = version;
      return share(shelf, copy, values.length, reader);
    },
    hasRoom: () => hasFree(shelf),
    takeOwn(data, reader) {
      const copy = fill(shelf, data);
      if (copy === undefined) return undefined;
      copy.version = nobodys;
      return share(shelf, copy, data.length, reader);
    },
    readers: () => [...new Set(shelf.shelf.flatMap(({ readers }) => readers))],
    get idle() {
      return shelf.waiting.size === 0 && shelf.shelf.every(({ readers }) => readers.length === 0);
    },
    dispose() {
      shelf.disposed = true;
      freeUnread(shelf);
    },
  };
}

function hasFree(shelf: Shelf): boolean {
  return shelf.shelf.length < shelf.copies || shelf.shelf.some(({ readers }) => readers.length === 0);
}

function fill(shelf: Shelf, values: Float32Array): Copy | undefined {
  const { memory, kernels, keys, longest } = shelf;
  let copy = shelf.shelf.find(({ readers }) => readers.length === 0);
  if (copy === undefined) {
    if (shelf.shelf.length >= shelf.copies) return undefined;
    copy = { region: memory.allocate(Math.max(keys, longest) * 4), version: 0, readers: [] };
    shelf.shelf.push(copy);
  }
  const source = memory.offsetOf(values);
  // The kernel's memory.copy is twice as fast as `set` between views of a shared memory.
  if (source === undefined) memory.floats(copy.region.byteOffset, values.length).set(values);
  else kernels.copy(source, copy.region.byteOffset, values.length);
  return copy;
}

function share(shelf: Shelf, copy: Copy, length: number, reader: string): PullCopy {
  const floats = shelf.memory.floats(copy.region.byteOffset, length);
  let released = false;
  copy.readers.push(reader);
  return {
    bytes: new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength),
    release() {
      if (released) return;
      released = true;
      copy.readers.splice(copy.readers.indexOf(reader), 1);
      if (shelf.disposed) freeUnread(shelf);
      if (copy.readers.length === 0) wake(shelf);
    },
  };
}

/** All who wait are told at once: told one after the other, they are answered at one version and share the copy. */
function wake(shelf: Shelf): void {
  for (const tell of [...shelf.waiting]) {
    if (shelf.waiting.delete(tell)) tell();
  }
}

function freeUnread(shelf: Shelf): void {
  for (let index = shelf.shelf.length - 1; index >= 0; index--) {
    const copy = shelf.shelf[index];
    if (copy === undefined || copy.readers.length > 0) continue;
    shelf.memory.free(copy.region);
    shelf.shelf.splice(index, 1);
  }
}
