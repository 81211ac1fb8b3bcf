/** What the local steps of a task may add up to. */
import { localAccumulation } from "@shoal/federated";
import type { FederatedSettings } from "@shoal/protocol";

/** Of a client with as many samples as count: FedNova's aₖ, the greatest that is no lie. */
export function mostAccumulated(local: FederatedSettings["local"], sampleCap: number): number {
  const { epochs, batchSize, momentum, proximal, learningRate } = local;
  const steps = epochs * (batchSize === null ? 1 : Math.ceil(sampleCap / batchSize));
  return localAccumulation({ steps, momentum, proximal: proximal * learningRate });
}
