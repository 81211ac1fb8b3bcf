/**
 * The newest entries of a primary's log, for those who do not have them yet.
 *
 * An update overwrites the memory that its gradient lies in, so the log keeps copies: in regions of kernel memory that
 * are taken when they are needed and used again and again.
 *
 * Bounds     bounds.ts. Regions stay until the log is disposed.
 * Invariant  E1  A region is written again only when nobody needs its entry and no link reads it.
 */
import type { KernelMemory, Region } from "@shoal/kernels-wasm";
import type { LogEntry } from "@shoal/protocol";
import { leastVectors, logBytes, maximumEntries, reservedEntries } from "./bounds.ts";

/** An entry without what is said anew each time that it is sent. */
export type KeptEntry = Omit<LogEntry, "term">;

export interface EntryLog {
  /** Index of the oldest entry that is kept; one more than the newest when there is none. */
  readonly first: number;
  /** Kernel memory that it holds. */
  readonly bytes: number;
  /** Whether another entry with a vector may be made. */
  readonly hasRoom: boolean;
  /** Whether an entry without a vector may: some places are kept for those. */
  readonly hasReserve: boolean;
  /** Keeps an entry, the next one. Copies its vector. @throws ShoalError out_of_memory */
  add(entry: KeptEntry): void;
  /** Borrows an entry for a link until `returned` is called, once; undefined when it is not kept (any more). */
  lend(index: number): { readonly entry: KeptEntry; readonly returned: () => void } | undefined;
  /** Nobody needs the entries below `index` any more. */
  forgetBelow(index: number): void;
  /** Forgets all; the next entry is `next`. */
  clear(next: number): void;
  /** Frees the regions, each as soon as no link reads it. */
  dispose(): void;
}

interface Place {
  readonly entry: KeptEntry;
  readonly region: Region | undefined;
  readers: number;
  isForgotten: boolean;
}

const nothing = new Float32Array(0);

/** Regions for vectors, taken when they are needed and used again. */
interface Regions {
  readonly taken: number;
  readonly hasRoom: boolean;
  /** @throws ShoalError out_of_memory */
  take(): Region;
  giveBack(region: Region): void;
  dispose(): void;
}

function createRegions(size: number, memory: KernelMemory): Regions {
  const most = Math.max(leastVectors, Math.min(maximumEntries, Math.floor(logBytes / (size * 4))));
  const idle: Region[] = [];
  let taken = 0;
  let isDisposed = false;
  return {
    get taken() {
      return taken;
    },
    get hasRoom() {
      return idle.length > 0 || taken < most;
    },
    take() {
      const used = idle.pop();
      if (used !== undefined) return used;
      const region = memory.allocate(size * 4);
      taken += 1;
      return region;
    },
    giveBack(region) {
      if (isDisposed) memory.free(region);
      else idle.push(region);
    },
    dispose() {
      isDisposed = true;
      for (const region of idle.splice(0)) memory.free(region);
    },
  };
}

/** @param size elements of the shard */
export function createEntryLog(size: number, memory: KernelMemory): EntryLog {
  const regions = createRegions(size, memory);
  let places: Place[] = [];
  let first = 1;

  const giveBack = ({ region, readers, isForgotten }: Place): void => {
    if (region !== undefined && readers === 0 && isForgotten) regions.giveBack(region); // E1
  };
  const forget = (place: Place): void => {
    place.isForgotten = true;
    giveBack(place);
  };
  return {
    get first() {
      return first;
    },
    get bytes() {
      return regions.taken * size * 4;
    },
    get hasRoom() {
      return places.length < maximumEntries - reservedEntries && regions.hasRoom;
    },
    get hasReserve() {
      return places.length < maximumEntries;
    },
    add(entry) {
      let region: Region | undefined;
      let vector: Float32Array = nothing;
      if (entry.vector.length > 0) {
        region = regions.take();
        vector = memory.floats(region.byteOffset, size);
        vector.set(entry.vector);
      }
      places.push({ entry: { ...entry, vector }, region, readers: 0, isForgotten: false });
    },
    lend(index) {
      const place = places[index - first];
      if (place === undefined) return undefined;
      place.readers += 1;
      const returned = (): void => {
        place.readers -= 1;
        giveBack(place);
      };
      return { entry: place.entry, returned };
    },
    forgetBelow(index) {
      const count = Math.min(places.length, Math.max(0, index - first));
      for (const place of places.splice(0, count)) forget(place);
      first += count;
    },
    clear(next) {
      for (const place of places.splice(0)) forget(place);
      first = next;
    },
    dispose() {
      for (const place of places) forget(place);
      places = [];
      regions.dispose();
    },
  };
}
