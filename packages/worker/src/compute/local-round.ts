/** A contribution of local updates: cut into the batches of its steps. */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import { layoutOf, type ModelSpec } from "@shoal/models";
import type { BatchGradient } from "./batch-gradient.ts";
import type { GradientWork } from "./compute-port.ts";
import { createLocalUpdates, type LocalPlan, type ReplicaWork } from "./local-updates.ts";

/** @param arrive returns when all that was pulled is there */
export type LocalRound = (work: GradientWork, replica: ReplicaWork, arrive: () => void) => BatchGradient;

/**
 * @param gradient computes, checks and clips the gradient of one batch
 * @returns undefined where gradients are pushed
 */
export function createLocalRound(
  { model, local }: { readonly model: ModelSpec; readonly local?: LocalPlan | null },
  gradient: (work: GradientWork) => BatchGradient,
  site: { readonly kernels: Kernels; readonly memory: WebAssembly.Memory },
): LocalRound | undefined {
  if (local === undefined || local === null) return undefined;
  const { batchSize } = local;
  const update = createLocalUpdates(local, { ...site, size: layoutOf(model).size });
  return (work, replica, arrive) => {
    const { begin, end, parameters: pulled, gradient: out } = work;
    const samples = end - begin;
    let lossSum = 0;
    const compute = (batch: number, parameters: Offset): void => {
      const first = begin + batch * batchSize;
      const part = { ...work, begin: first, end: Math.min(end, first + batchSize), parameters };
      const { samples: rows, loss } = gradient(part);
      lossSum += rows * loss;
    };
    const batches = Math.ceil(samples / batchSize);
    if (samples > 0) update(replica, { pulled, arrive, out, batches, gradient: compute });
    else arrive();
    return { samples, loss: samples === 0 ? 0 : lossSum / samples };
  };
}
