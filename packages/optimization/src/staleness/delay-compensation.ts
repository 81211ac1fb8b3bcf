/**
 * Delay-compensated asynchronous descent: the gradient that worker m took at its old values w_bak(m) becomes, to first
 * order, one at the present values w.
 *
 *   on a pull of m   w_bak(m) ← w
 *   on a push of m   g ← g + λ_t · g⊙g⊙(w − w_bak(m))
 *   constant         λ_t = λ                                                                            (DC-ASGD-c)
 *   adaptive         MS ← decay·MS + (1 − decay)·g²,  λ_t = λ/√(MS + ε), MS one a worker or one for all (DC-ASGD-a)
 *
 * Source    Zheng et al., ICML 2017, arXiv 1609.08326. With λ = 0, or where nothing came between pull and push, the
 *           gradient keeps its bits.
 * Bounds    Two vectors for each of the run's workers (its values, its mean square), one for the result.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels, Offset, Region } from "@shoal/kernels-wasm";
import type { ResolvedDelayCompensation } from "./staleness-spec.ts";

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

export interface Compensation {
  /** Bytes of kernel memory that it holds now. */
  readonly bytes: number;
  /** A worker was given the present values. Borrows `values` [size]. @throws ShoalError out_of_memory */
  remember(worker: number, version: number, values: Offset): void;
  /**
   * Compensates the gradient of a push.
   * @param gradient - [size] float32, borrowed
   * @param values - [size] float32, borrowed
   * @returns where the compensated gradient stands until the next call; `gradient` itself where the values of
   *   `baseVersion` are not known any more (the worker has pulled since, or the shard was restored without them)
   */
  compensate(worker: number, baseVersion: number, gradient: Offset, values: Offset): Offset;
  /** Frees the vectors of all workers but these. */
  retain(isPresent: (worker: number) => boolean): void;
  snapshot(): CompensationSnapshot;
  /** Replaces all state. @throws ShoalError snapshot_corrupt, out_of_memory */
  restore(snapshot: CompensationSnapshot): void;
  dispose(): void;
}

export interface CompensationSite {
  /** Elements of the key range. */
  readonly size: number;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

interface Entry {
  version: number;
  readonly backup: Region;
  readonly meanSquare: Region | undefined;
}

type Rule = Exclude<ResolvedDelayCompensation, { name: "none" }>;

/** @returns undefined for the rule "none" @throws ShoalError out_of_memory */
export function createCompensation(rule: ResolvedDelayCompensation, site: CompensationSite): Compensation | undefined {
  return rule.name === "none" ? undefined : createWith(rule, site);
}

function createWith(rule: Rule, { size, kernels, memory }: CompensationSite): Compensation {
  const vectorBytes = size * Float32Array.BYTES_PER_ELEMENT;
  const keepsOwn = rule.name === "adaptive" && rule.meanSquare === "worker";
  const entries = new Map<number, Entry>();
  const result = memory.allocate(vectorBytes);
  const shared = rule.name === "adaptive" && !keepsOwn ? allocateOr(memory, vectorBytes, [result]) : undefined;

  const free = ({ backup, meanSquare }: Entry): void => {
    memory.free(backup);
    if (meanSquare !== undefined) memory.free(meanSquare);
  };
  const entryOf = (worker: number): Entry => {
    const known = entries.get(worker);
    if (known !== undefined) return known;
    const backup = memory.allocate(vectorBytes);
    const meanSquare = keepsOwn ? allocateOr(memory, vectorBytes, [backup]) : undefined;
    const entry = { version: 0, backup, meanSquare };
    entries.set(worker, entry);
    return entry;
  };
  const floats = (region: Region | undefined): Float32Array | null =>
    region === undefined ? null : memory.floats(region.byteOffset, size).slice();
  const retain = (isPresent: (worker: number) => boolean): void => {
    for (const [worker, entry] of entries) {
      if (isPresent(worker)) continue;
      entries.delete(worker);
      free(entry);
    }
  };
  return {
    get bytes() {
      const perWorker = keepsOwn ? 2 : 1;
      return vectorBytes * (entries.size * perWorker + (shared === undefined ? 1 : 2));
    },
    remember(worker, version, values) {
      const entry = entryOf(worker);
      entry.version = version;
      kernels.copy(values, entry.backup.byteOffset, size);
    },
    compensate(worker, baseVersion, gradient, values) {
      const entry = entries.get(worker);
      if (entry === undefined || entry.version !== baseVersion) return gradient;
      const [w, backup, out] = [values, entry.backup.byteOffset, result.byteOffset];
      if (rule.name === "constant") {
        kernels.compensateDelay(gradient, w, backup, out, size, rule.lambda);
      } else {
        const square = (entry.meanSquare ?? shared ?? result).byteOffset;
        const { lambda, decay, epsilon } = rule;
        kernels.compensateDelayAdaptively(gradient, w, backup, square, out, size, lambda, decay, epsilon);
      }
      return out;
    },
    retain,
    snapshot: () => ({
      entries: [...entries].map(([worker, { version, backup, meanSquare }]) => ({
        worker,
        version,
        backup: floats(backup),
        meanSquare: floats(meanSquare),
      })),
      sharedMeanSquare: floats(shared),
    }),
    restore(snapshot) {
      checkLengths(snapshot, size);
      retain(() => false);
      for (const { worker, version, backup, meanSquare } of snapshot.entries) {
        const entry = entryOf(worker);
        entry.version = version;
        if (backup !== null) memory.floats(entry.backup.byteOffset, size).set(backup);
        if (meanSquare !== null && entry.meanSquare !== undefined) {
          memory.floats(entry.meanSquare.byteOffset, size).set(meanSquare);
        }
      }
      const { sharedMeanSquare } = snapshot;
      if (sharedMeanSquare !== null && shared !== undefined) {
        memory.floats(shared.byteOffset, size).set(sharedMeanSquare);
      }
    },
    dispose() {
      retain(() => false);
      memory.free(result);
      if (shared !== undefined) memory.free(shared);
    },
  };
}

/** Allocates, or frees what was taken before and fails. */
function allocateOr(memory: KernelMemory, byteLength: number, taken: readonly Region[]): Region {
  try {
    return memory.allocate(byteLength);
  } catch (error) {
    for (const region of taken) memory.free(region);
    throw error;
  }
}

function checkLengths({ entries, sharedMeanSquare }: CompensationSnapshot, size: number): void {
  const vectors = [...entries.flatMap(({ backup, meanSquare }) => [backup, meanSquare]), sharedMeanSquare];
  for (const vector of vectors) {
    if (vector === null || (vector instanceof Float32Array && vector.length === size)) continue;
    throw new ShoalError("snapshot_corrupt", `A vector of the delay compensation does not have ${size} values.`, {
      size,
    });
  }
}
