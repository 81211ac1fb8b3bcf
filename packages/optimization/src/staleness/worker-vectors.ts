/** The vectors that the compensation of delays keeps in kernel memory: one set for each worker that has pulled. */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Region } from "@shoal/kernels-wasm";

/** Vectors of one worker as plain data. */
export interface CompensationEntry {
  readonly worker: number;
  /** Version of the values that it pulled last. */
  readonly version: number;
  /** [size] float32 each; null where the rule keeps none. */
  readonly backup: Float32Array | null;
  readonly meanSquare: Float32Array | null;
}

export interface CompensationSnapshot {
  readonly entries: readonly CompensationEntry[];
  readonly sharedMeanSquare: Float32Array | null;
}

export interface WorkerEntry {
  version: number;
  readonly backup: Region;
  readonly meanSquare: Region | undefined;
}

export interface WorkerVectors {
  /** Where a compensated gradient is put. */
  readonly result: Region;
  readonly sharedSquare: Region | undefined;
  readonly bytes: number;
  find(worker: number): WorkerEntry | undefined;
  /** The worker's entry, made where there is none; undefined for one too many. @throws ShoalError out_of_memory */
  obtain(worker: number): WorkerEntry | undefined;
  /** Frees the vectors of all workers but these. */
  retain(isPresent: (worker: number) => boolean): void;
  snapshot(): CompensationSnapshot;
  /** Replaces all state. @throws ShoalError snapshot_corrupt - nothing is changed then; out_of_memory */
  restore(snapshot: CompensationSnapshot): void;
  dispose(): void;
}

export interface WorkerVectorsOptions {
  readonly size: number;
  readonly memory: KernelMemory;
  /** Each worker has a mean square of its own. */
  readonly keepsSquares: boolean;
  /** All workers have one mean square together. */
  readonly sharesSquare: boolean;
}

/** Workers that vectors are kept for: the members of a run. What others push is not compensated. */
const maximumEntries = 4096;

/** @throws ShoalError out_of_memory - nothing is taken then */
export function createWorkerVectors({ size, memory, keepsSquares, sharesSquare }: WorkerVectorsOptions): WorkerVectors {
  const entries = new Map<number, WorkerEntry>();
  const [result, sharedSquare] = takePair(memory, size, sharesSquare);
  const obtain = (worker: number): WorkerEntry | undefined => {
    const known = entries.get(worker);
    if (known !== undefined || entries.size >= maximumEntries) return known;
    const [backup, meanSquare] = takePair(memory, size, keepsSquares);
    const entry = { version: 0, backup, meanSquare };
    entries.set(worker, entry);
    return entry;
  };
  const retain = (isPresent: (worker: number) => boolean): void => {
    for (const [worker, { backup, meanSquare }] of entries) {
      if (isPresent(worker)) continue;
      entries.delete(worker);
      freePair(memory, backup, meanSquare);
    }
  };
  const floats = ({ byteOffset }: Region): Float32Array => memory.floats(byteOffset, size);
  const copyOf = (region: Region | undefined): Float32Array | null =>
    region === undefined ? null : floats(region).slice();
  const fill = (region: Region | undefined, from: Float32Array | null): void => {
    if (region !== undefined && from !== null) floats(region).set(from);
  };
  return {
    result,
    sharedSquare,
    get bytes() {
      const vectors = entries.size * (keepsSquares ? 2 : 1) + (sharesSquare ? 2 : 1);
      return vectors * size * Float32Array.BYTES_PER_ELEMENT;
    },
    find: (worker) => entries.get(worker),
    obtain,
    retain,
    snapshot: () => ({
      entries: [...entries].map(([worker, { version, backup, meanSquare }]) => {
        return { worker, version, backup: copyOf(backup), meanSquare: copyOf(meanSquare) };
      }),
      sharedMeanSquare: copyOf(sharedSquare),
    }),
    restore(snapshot) {
      checkLengths(snapshot, size);
      retain(() => false);
      for (const { worker, version, backup, meanSquare } of snapshot.entries) {
        const entry = obtain(worker);
        if (entry === undefined) break;
        entry.version = version;
        fill(entry.backup, backup);
        fill(entry.meanSquare, meanSquare);
      }
      fill(sharedSquare, snapshot.sharedMeanSquare);
    },
    dispose() {
      retain(() => false);
      freePair(memory, result, sharedSquare);
    },
  };
}

/** Takes one vector, or two; both or none. */
function takePair(memory: KernelMemory, size: number, isPair: boolean): [Region, Region | undefined] {
  const byteLength = size * Float32Array.BYTES_PER_ELEMENT;
  const first = memory.allocate(byteLength);
  try {
    return [first, isPair ? memory.allocate(byteLength) : undefined];
  } catch (error) {
    memory.free(first);
    throw error;
  }
}

function freePair(memory: KernelMemory, first: Region, second: Region | undefined): void {
  memory.free(first);
  if (second !== undefined) memory.free(second);
}

function checkLengths({ entries, sharedMeanSquare }: CompensationSnapshot, size: number): void {
  const vectors = [...entries.flatMap(({ backup, meanSquare }) => [backup, meanSquare]), sharedMeanSquare];
  for (const vector of vectors) {
    if (vector === null || (vector instanceof Float32Array && vector.length === size)) continue;
    const sentence = `A vector of the delay compensation does not have ${size} values.`;
    throw new ShoalError("snapshot_corrupt", sentence, { size });
  }
}
