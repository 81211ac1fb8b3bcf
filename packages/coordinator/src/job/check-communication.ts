/** Checks that what workers push, how it is put together and what is done about its age go together. */
import { counted, ShoalError } from "@shoal/errors";
import { parseOptimizerSpec, parseStalenessSpec } from "@shoal/optimization";
import { contributionSamples, type JobSpec } from "@shoal/protocol";

type Checked = Pick<
  JobSpec,
  | "shards"
  | "aggregation"
  | "communication"
  | "consistency"
  | "optimizer"
  | "staleness"
  | "encoding"
  | "batchSize"
  | "accumulation"
>;

type Diloco = Extract<JobSpec["communication"], { readonly name: "diloco" }>;

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
  if (communication.name === "diloco") checkFragments(job, communication);
}

/** @see fragmentOfShard - each group has a shard when there are at least as many shards */
function checkFragments({ consistency, shards }: Checked, { steps, fragments, delay, mixing }: Diloco): void {
  const isStreaming = fragments > 1 || delay > 0 || mixing > 0;
  if (isStreaming && consistency.mode !== "synchronous") {
    throw invalid("communication.fragments", "expected 1, and neither delay nor mixing, outside synchronous mode");
  }
  if (steps % fragments !== 0) {
    throw invalid("communication.fragments", `expected a number that divides the ${counted(steps, "step")}`);
  }
  if (fragments > 1 && (shards === null || shards < fragments)) {
    throw invalid("shards", `expected at least ${fragments}, one for each fragment`);
  }
  if (delay >= steps / fragments) {
    throw invalid(
      "communication.delay",
      `expected fewer than the ${counted(steps / fragments, "step")} between two exchanges`,
    );
  }
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
  if (name === "fedasync" && encoding.pull["name"] !== "float32") {
    throw invalid(
      "encoding.pull.name",
      "expected float32 with fedasync: a model that began from less than the shards have would undo the rest",
    );
  }
  if (bound !== null && name === "easgd") {
    throw invalid("staleness.bound", "expected none with easgd, whose worker has moved when its push is sent back");
  }
}

function invalid(field: string, sentence: string): ShoalError {
  return new ShoalError("invalid_argument", `${field}: ${sentence}`, { field });
}
