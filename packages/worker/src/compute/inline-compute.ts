/** Computes on the calling thread: for simulations, tests, and where there are no threads. */
import { ShoalError } from "@shoal/errors";
import { instantiateKernels, type KernelMemory, type KernelModules } from "@shoal/kernels-wasm";
import { regionMemory } from "@shoal/models";
import type { ComputePort } from "./compute-port.ts";
import { allocateComputeRegions } from "./compute-regions.ts";
import { buildFor, createComputeTask, type ComputeSubject } from "./compute-task.ts";

export interface ComputeEnvironment {
  readonly memory: KernelMemory;
  readonly modules: KernelModules;
  /** ms since the Unix epoch. */
  readonly now: () => number;
}

/** @throws ShoalError out_of_memory */
export function createInlineCompute(subject: ComputeSubject, environment: ComputeEnvironment): ComputePort {
  const { memory, modules, now } = environment;
  const regions = allocateComputeRegions(subject, memory);
  const kernels = instantiateKernels(
    modules,
    { memory: memory.memory, scratch: regions.scratch },
    { build: buildFor(subject, modules) },
  );
  const task = createComputeTask(subject, { kernels, memory: regionMemory(memory.memory, regions.plan), now });
  let isClosed = false;
  /** Errors come as rejections, as from a thread. */
  const serve = <R>(compute: () => R): Promise<R> =>
    new Promise((resolve) => {
      if (isClosed) throw new ShoalError("cancelled", "computing has ended");
      resolve(compute());
    });
  return {
    initialize: (into) => serve(() => task.initialize(into)),
    gradient: (work) => serve(() => task.gradient(work)),
    evaluate: (parameters) => serve(() => task.evaluate(parameters)),
    close() {
      if (!isClosed) {
        isClosed = true;
        task.dispose();
        regions.free();
      }
      return Promise.resolve();
    },
  };
}
