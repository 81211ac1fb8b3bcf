/** What the cures for stragglers need of the rest of a job. */
import { counted, ShoalError } from "@shoal/errors";
import { maximumCutSlots, synchronousSteps, type JobSpec } from "@shoal/protocol";

/** @throws ShoalError invalid_job */
export function checkStragglers(job: JobSpec): void {
  const { adaptiveBatch, handOff, predictedWaiting, backup } = job.stragglers;
  for (const [name, isOn] of Object.entries({ predictedWaiting, handOff, backup: backup > 0 })) {
    const { mode } = job.consistency;
    if (isOn && mode !== "synchronous") {
      reject(
        `job.stragglers.${name}`,
        `expected ${name === "backup" ? "0" : "false"} with consistency "${mode}", which has no steps to wait for`,
      );
    }
  }
  if (handOff && job.slots === null) {
    const sentence =
      "expected several slots a worker with stragglers.handOff, got null, which is one each: nothing could move; " +
      "set slots, for instance to four times the number of workers";
    reject("job.slots", sentence);
  }
  if ((predictedWaiting || backup > 0) && job.aggregation === "adasum") {
    const sentence = `expected "mean" or "sum" where steps are closed early: the tree of "adasum" needs every slot`;
    reject("job.aggregation", sentence);
  }
  if (job.slots !== null && backup >= job.slots) {
    reject("job.stragglers.backup", `expected less than the job's ${counted(job.slots, "slot")}, got ${backup}`);
  }
  if (adaptiveBatch) checkUneven(job);
}

/** Uneven parts of a step need gradients that are weighted by their samples, and a message that holds them. */
function checkUneven({ aggregation, communication, consistency, slots }: JobSpec): void {
  if (synchronousSteps(consistency) > 0 && consistency.mode !== "synchronous") {
    const sentence = "expected 0 with adaptive batches, because steps and leases number batches in different ways then";
    reject("job.consistency.warmUpSteps", sentence);
  }
  if (aggregation !== "mean") reject("job.aggregation", `expected "mean" with adaptive batches, got "${aggregation}"`);
  if (communication.name !== "gradients") {
    reject("job.communication", `expected "gradients" with adaptive batches, got "${communication.name}"`);
  }
  if (slots !== null && slots > maximumCutSlots) {
    reject("job.slots", `expected at most ${maximumCutSlots} with adaptive batches, got ${slots}`);
  }
}

function reject(field: string, sentence: string): never {
  throw new ShoalError("invalid_job", `${field}: ${sentence}`, { field });
}
