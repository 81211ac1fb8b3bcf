/** How much longer a worker waits for others where a contribution is more than one batch. */
import { contributionSamples, type JobSpec } from "@shoal/protocol";

/** An hour instead of a minute is the most that an exchange is repeated for. */
const maximumPatience = 60;

/**
 * Factor on the times after which a worker steps in for others and gives an exchange up: others may take so many batches
 * for their contribution, and one that steps in for them would compute with a replica that is not theirs.
 */
export function patienceOf(job: Pick<JobSpec, "batchSize" | "accumulation" | "communication">): number {
  return Math.min(maximumPatience, contributionSamples(job) / job.batchSize);
}
