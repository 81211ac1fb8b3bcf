/** Checks that what workers push, how it is put together and what is done about its age go together. */
import { ShoalError } from "@shoal/errors";
import { parseOptimizerSpec, parseStalenessSpec } from "@shoal/optimization";
import { contributionSamples, type JobSpec } from "@shoal/protocol";

type Checked = Pick<
  JobSpec,
  | "aggregation"
  | "communication"
  | "consistency"
  | "optimizer"
  | "staleness"
  | "encoding"
  | "batchSize"
  | "accumulation"
>;

/** Samples of a contribution travel as unsigned 32-bit numbers. */
const maximumSamples = 0xffff_ffff;

/** @throws ShoalError invalid_argument - the message begins with the field */
export function checkCommunication(job: Checked): void {
  const { aggregation, communication, consistency } = job;
  if (aggregation === "adasum" && consistency.mode !== "synchronous") {
    throw invalid("aggregation", 'expected "mean" outside synchronous mode, where nothing is put together');
  }
  if (contributionSamples(job) > maximumSamples) {
    throw invalid("accumulation", `expected at most ${maximumSamples} samples in one contribution`);
  }
  if (communication.name !== "gradients") checkLocalUpdates(job, communication.name);
}

function checkLocalUpdates({ aggregation, optimizer, staleness, encoding }: Checked, name: string): void {
  const inner = parseOptimizerSpec(optimizer).name;
  if (inner === "accumulate" || inner === "average") {
    throw invalid("optimizer.name", `expected an optimiser that learns from gradients for the steps of ${name}`);
  }
  if (aggregation !== "mean" && name !== "local_sgd" && name !== "diloco") {
    throw invalid("aggregation", `expected "mean", because ${name} has a way of its own`);
  }
  const { compensation, bound } = parseStalenessSpec(staleness);
  if (compensation.name !== "none") {
    throw invalid("staleness.compensation", `expected none, because workers push no gradients with ${name}`);
  }
  if (name === "fedasync" && encoding.push["name"] !== "float32") {
    throw invalid(
      "encoding.push.name",
      "expected float32 with fedasync: what is left of a model is not made good later",
    );
  }
  if (bound !== null && name === "easgd") {
    throw invalid("staleness.bound", "expected none with easgd, whose worker has moved when its push is sent back");
  }
}

function invalid(field: string, sentence: string): ShoalError {
  return new ShoalError("invalid_argument", `${field}: ${sentence}`, { field });
}
