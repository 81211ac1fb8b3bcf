/** Every check that a job can pass or fail before anything starts. */
import { isShoalError, ShoalError } from "@shoal/errors";
import {
  checkDatasetFits,
  digitsShape,
  layoutOf,
  metricKeys,
  parseDatasetSpec,
  parseModelSpec,
  type DatasetShape,
  type DatasetSpec,
  type ModelSpec,
} from "@shoal/models";
import { parseEncodingSpec, parseOptimizerSpec, parseScheduleSpec, parseStalenessSpec } from "@shoal/optimization";
import { parseJobSpec, type JobSpec } from "@shoal/protocol";
import { checkCommunication } from "./check-communication.ts";
import { checkFederated } from "./check-federated.ts";
import { checkStragglers } from "./check-stragglers.ts";
import { checkGroups } from "./check-groups.ts";
import { complaintOf } from "./complaint.ts";

/** Slots of one step: their owners must fit a control message. */
const maximumSlots = 65_536;

/**
 * Checks a job with all that is in it, and fills in the defaults of its own fields.
 *
 * @param input what a person wrote, or a job that came over the wire
 * @throws ShoalError invalid_job - the message begins with the field, such as `job.model.layers[1].outputs`
 */
export function checkJob(input: unknown): JobSpec {
  const parsed = inField("job", input, () => parseJobSpec(input));
  const job = inField("job.federated", input, () => checkFederated(parsed, input));
  const model = inField("job.model", input, () => parseModelSpec(job.model));
  const data = inField("job.data", input, () => parseDatasetSpec(job.data, "data"));
  inField("job.optimizer", input, () => parseOptimizerSpec(job.optimizer));
  inField("job.schedule", input, () => parseScheduleSpec(job.schedule));
  checkMeasures(model, job, input);
  inField("job", input, () => checkGroups(job, layoutOf(model)));
  checkStaleness(job, input);
  checkPrefetch(job);
  checkStragglers(job);
  inField("job", input, () => checkCommunication(job));
  checkEncoding(job, input);
  const known = knownDimensions(data);
  if (known !== undefined) inField("job", input, () => checkDatasetFits(model, known));
  if (job.slots !== null && job.slots > maximumSlots) {
    throw new ShoalError("invalid_job", `job.slots: expected at most ${maximumSlots}, got ${job.slots}`, {
      field: "job.slots",
    });
  }
  return job;
}

function checkMeasures(model: ModelSpec, job: JobSpec, input: unknown): void {
  const { metrics } = job.evaluation;
  const keys = inField("job.evaluation.metrics", input, () => metricKeys(model, metrics));
  const awaited = job.stop.metric?.name;
  if (awaited === undefined || keys.includes(awaited)) return;
  const sentence = `job.stop.metric.name: expected one of ${keys.join(", ")}, got "${awaited}"`;
  throw new ShoalError("invalid_job", sentence, { field: "job.stop.metric.name" });
}

function checkEncoding({ encoding }: JobSpec, input: unknown): void {
  inField("job.encoding.push", input, () => parseEncodingSpec(encoding.push, "push"));
  const { name } = inField("job.encoding.pull", input, () => parseEncodingSpec(encoding.pull, "pull"));
  if (name !== "auto") return;
  const sentence = "job.encoding.pull: expected an encoding, because only pushes are chosen by bandwidth";
  throw new ShoalError("invalid_job", sentence, { field: "job.encoding.pull" });
}

function checkStaleness(job: JobSpec, input: unknown): void {
  const { bound } = inField("job.staleness", input, () => parseStalenessSpec(job.staleness));
  if (bound === null || !job.prefetch) return;
  const sentence =
    "job.prefetch: expected false with a staleness bound, because a batch that is sent back is computed again";
  throw new ShoalError("invalid_job", sentence, { field: "job.prefetch" });
}

/** Where workers wait for each other nobody can pull ahead: the values are not there yet. */
function checkPrefetch({ prefetch, consistency: { mode } }: JobSpec): void {
  if (!prefetch || mode === "asynchronous") return;
  const sentence =
    `job.prefetch: expected false with consistency "${mode}", got true; ` +
    'leave it out, or set consistency to { mode: "asynchronous" }';
  throw new ShoalError("invalid_job", sentence, { field: "job.prefetch" });
}

/** Data sets whose shape is known without reading them. */
function knownDimensions(data: DatasetSpec): DatasetShape | undefined {
  return data.type === "mnist" || data.type === "digits" ? { name: data.type, ...digitsShape } : undefined;
}

/** Runs another package's check; its complaint becomes one about this part of the job. */
function inField<T>(part: string, input: unknown, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!isShoalError(error)) throw error;
    const { field, sentence } = complaintOf(part, error.message.replace(/^\[[a-z_]+\] /, ""), input);
    throw new ShoalError("invalid_job", sentence, { field }, { cause: error });
  }
}
