import type { LocalTraining } from "../plane/task-description.ts";

/** Largest batch where a task asks for one batch of all samples. */
const mostBatch = 65_536;

/** Samples that a client's plan is compiled for. */
export function batchOf({ batchSize }: Pick<LocalTraining, "batchSize">, samples: number): number {
  return Math.min(batchSize ?? samples, mostBatch);
}
