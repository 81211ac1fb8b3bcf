/** What a run of digits comes to, trained in one plain loop: cheaper than a second run of the cluster, and independent of it. */
import { readFileSync } from "node:fs";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile, generateDigits, type DigitsOptions } from "@shoal/models";
import { trainPlainly } from "./plain-training.ts";
import { createTrainingSite } from "./training-cluster.ts";

/** Parameters of a synchronous job on digits. */
export async function plainParameters(
  job: { readonly data: DigitsOptions; readonly slots: number } & object,
): Promise<Float32Array> {
  const { kernels, memory } = await createTrainingSite();
  const { samples, testSamples, seed } = job.data;
  const dataset = generateDigits({ samples, testSamples, ...(seed !== undefined && { seed }) });
  return trainPlainly(checkJob(job), job.slots, dataset, kernels, memory).parameters;
}

/** Those of a model file. */
export function parametersOf(modelFile: string): Float32Array {
  return decodeModelFile(readFileSync(modelFile)).parameters;
}
