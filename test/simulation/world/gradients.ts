/** What the workers of a simulated cluster computed, before anything was encoded. */
import type { KernelMemory } from "@shoal/kernels-wasm";
import { createEpochPlan, layoutOf, parseModelSpec, type EpochPlan } from "@shoal/models";
import { contributionSamples, type JobSpec } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import type { Scenario } from "../scenario/scenario.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

export class ComputedGradients {
  readonly plan: EpochPlan;
  readonly #memory: KernelMemory;
  readonly #size: number;
  /** The newest of each batch, by process. */
  readonly #vectors = new Map<string, Float32Array>();

  constructor({ job, samples, slots }: Scenario, memory: KernelMemory) {
    this.plan = createEpochPlan({ samples, batchSize: contributionSamples(job), slots, epochs: job.epochs });
    this.#memory = memory;
    this.#size = layoutOf(parseModelSpec(job.model)).size;
  }

  /** Looks at what is computed. */
  watch(compute: ComputePort, process: SimulatedProcess): ComputePort {
    return {
      ...compute,
      gradient: async (work, overlap) => {
        const computed = await compute.gradient(work, overlap);
        const vector = this.#memory.floats(work.gradient, this.#size).slice();
        this.#vectors.set(`${process.id}/${work.epoch}/${work.begin}`, vector);
        return computed;
      },
    };
  }

  /** @returns undefined when this process has not computed the batch */
  of(process: SimulatedProcess, batch: number): Float32Array | undefined {
    const { epoch, begin } = this.plan.batch(batch);
    return this.#vectors.get(`${process.id}/${epoch}/${begin}`);
  }
}

/** True where what is pushed is not what was computed. */
export function isLossy({ encoding }: JobSpec): boolean {
  return encoding.push["name"] !== "float32";
}
