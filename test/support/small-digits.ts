/** The small job of runs in virtual time: generated digits, a perceptron of one hidden layer of 12. */
import { checkJob } from "@shoal/coordinator";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { perceptron } from "./perceptron.ts";

export const smallDigits = { samples: 330, testSamples: 100, seed: 4 } as const;

/** @param change what differs; 21 batches an epoch */
export function smallDigitsJob(change: Partial<JobInput>): JobSpec {
  return checkJob({
    ...{ name: "digits", model: perceptron([12]), data: { type: "digits", ...smallDigits } },
    ...{ optimizer: { name: "adam", learningRate: 0.003 }, batchSize: 16, seed: 7 },
    ...change,
  });
}

/** For runs whose slots keep something from step to step. */
export const slotDigits = { samples: 320, testSamples: 40, seed: 2 } as const;

/** @param change what differs; 40 batches an epoch */
export function slotJob(change: Partial<JobInput>): JobSpec {
  return smallDigitsJob({
    ...{ data: { type: "digits", ...slotDigits }, optimizer: { name: "sgd", learningRate: 0.005, momentum: 0.9 } },
    ...{ batchSize: 8, seed: 5, shards: 3, ...change },
  });
}
