/**
 * Kernels whose matrix products run on several threads of this process. Opt-in: one thread is the default everywhere.
 *
 * The caller's thread computes too, and waits for the others with Atomics.wait: it must be one that may block (a compute
 * thread, not an event loop that serves others). Products of few rows or little work stay on the caller's thread, as does
 * all but `matmul…` and `dense`. The bits are those of one thread (pieces.ts, P1).
 *
 * Bounds    `mostThreads` threads, each with `kernelScratchBytes` of the kernel memory.
 */
import { ShoalError } from "@shoal/errors";
import { instantiateCore, kernelScratchBytes, type InstantiateOptions } from "../instantiate-kernels.ts";
import { faceOf } from "../kernel-face.ts";
import type { KernelMemory } from "../kernel-memory.ts";
import type { KernelModules } from "../kernel-modules.ts";
import type { Kernels } from "../kernels.ts";
import { pieceLines } from "./pieces.ts";
import {
  awaitPieces,
  claimPiece,
  closeJobs,
  computePiece,
  controlBytes,
  controlView,
  openJob,
  type ProductArguments,
} from "./product-job.ts";

/** More threads than this do not help a product that fits the caches of one machine. */
const mostThreads = 16;

export interface ParallelOptions extends InstantiateOptions {
  /** Threads that compute, the caller's among them: 2 to 16. */
  readonly threads: number;
  /** Hears of a thread that has ended unasked; from then on the caller's thread computes alone. */
  readonly onFailure?: (error: ShoalError) => void;
}

export interface ParallelKernels {
  readonly kernels: Kernels;
  /** Threads that compute now: 1 after a failure, and after `close`. */
  readonly threads: number;
  /** Ends the threads and gives their memory back; the kernels go on with one thread. */
  close(): Promise<void>;
}

/**
 * Starts the threads and waits until they are ready.
 *
 * @param memory - must be shared; the scratch of each thread is taken from it
 * @throws RangeError when `threads` is out of range, the memory is private or this engine cannot run the build
 * @throws ShoalError out_of_memory - when there is no room for the scratch
 */
export async function createParallelKernels(
  modules: KernelModules,
  memory: KernelMemory,
  options: ParallelOptions,
): Promise<ParallelKernels> {
  const { threads, onFailure } = options;
  if (!(Number.isInteger(threads) && threads >= 2 && threads <= mostThreads)) {
    throw new RangeError(`threads is ${threads}; it must be an integer from 2 to ${mostThreads}`);
  }
  if (!memory.shared) throw new RangeError("products on several threads need shared kernel memory");
  const { core, build } = instantiateCore(modules, memory, options);
  const { startProductThreads } = await import("../host/product-threads.ts");
  const regions = [memory.allocate(controlBytes)];
  for (let i = 1; i < threads; i++) regions.push(memory.allocate(kernelScratchBytes));
  const [controlRegion, ...scratches] = regions;
  const control = controlView(memory.memory, controlRegion?.byteOffset ?? 0);
  let computing = threads;
  const team = await startProductThreads(
    scratches.map((scratch) => ({
      attachment: { modules, memory: memory.memory, scratch, build },
      control: control.byteOffset,
    })),
    (cause) => {
      if (computing === 1) return;
      computing = 1;
      closeJobs(control);
      onFailure?.(
        new ShoalError("internal", "A thread of the matrix products has ended; one thread goes on.", {}, { cause }),
      );
    },
  );
  const product = (...all: ProductArguments): void => {
    const lines = pieceLines(all[8], all[9], all[10], computing);
    if (lines === 0) core.product(...all);
    else multiplyTogether(control, core, all, lines);
  };
  return {
    kernels: faceOf({ ...core, product }, build),
    get threads() {
      return computing;
    },
    async close() {
      computing = 1;
      closeJobs(control);
      await team.join();
      for (const region of regions.splice(0)) memory.free(region);
    },
  };
}

/** Computes a product together with whoever claims a piece of it. */
function multiplyTogether(
  control: Int32Array,
  core: Parameters<typeof computePiece>[1],
  product: Readonly<ProductArguments>,
  lines: number,
): void {
  const pieces = Math.ceil(Math.max(product[8], product[10]) / lines);
  openJob(control, product, pieces, lines);
  let others = pieces;
  let failed = 0;
  try {
    for (let piece = claimPiece(control); piece >= 0; piece = claimPiece(control)) {
      others--;
      computePiece(control, core, piece);
    }
  } finally {
    while (claimPiece(control) >= 0) others--;
    failed = awaitPieces(control, others);
  }
  for (let piece = 0; failed >>> piece > 0; piece++) {
    if ((failed >>> piece) & 1) computePiece(control, core, piece);
  }
}
