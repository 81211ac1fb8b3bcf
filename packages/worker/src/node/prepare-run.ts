/** Everything a run needs before its first step: checked specifications, data, compute, memory. */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory } from "@shoal/kernels-wasm";
import {
  checkDatasetFits,
  createEpochPlan,
  layoutOf,
  matchTensors,
  parseDatasetSpec,
  parseModelSpec,
  readTensors,
  shapeOfDataset,
  type Dataset,
  type DatasetSpec,
  type EpochPlan,
  type InitialTensor,
  type ModelSpec,
  type Preprocessing,
} from "@shoal/models";
import { parseOptimizerSpec, parseScheduleSpec } from "@shoal/optimization";
import {
  batchParts,
  fragmentOfShard,
  fragmentsOf,
  treatmentOf,
  type Communication,
  type JobSpec,
  type KeyRange,
  type Placement,
  type StartRun,
} from "@shoal/protocol";
import { learningRanges, type ClipPlan } from "../compute/clip-gradient.ts";
import type { ComputePort } from "../compute/compute-port.ts";
import type { ComputeSubject } from "../compute/compute-task.ts";
import { replicaBytes, type LocalPlan } from "../compute/local-updates.ts";
import { createTrainingBuffers, type TrainingBuffers } from "../loop/training-buffers.ts";
import { loadTeachers } from "./load-teachers.ts";

export interface PrepareEnvironment {
  readonly memory: KernelMemory;
  readonly loadDataset: (spec: DatasetSpec) => Promise<Dataset>;
  /** Reads a model file that a job begins with. @throws ShoalError data_not_found */
  readonly readModel: (file: string) => Promise<Uint8Array>;
  readonly startCompute: (subject: ComputeSubject) => Promise<ComputePort>;
  /**
   * Federated jobs: has clients compute what is pushed; the worker's own computing, which is closed with it, measures.
   * Absent where no clients can come.
   */
  readonly federate?: ((start: StartRun, compute: ComputePort) => Promise<ComputePort>) | undefined;
}

export interface PreparedRun {
  readonly model: ModelSpec;
  readonly preprocessing: Preprocessing | undefined;
  readonly plan: EpochPlan;
  readonly compute: ComputePort;
  /** Where the job names a file to begin with: its values. */
  readonly initial: readonly InitialTensor[];
  readonly buffers: TrainingBuffers;
  readonly dataSource: string;
  readonly trainSamples: number;
  /** Ends the computing. The buffers are freed by their own `free`, when no shard reads them any more. */
  close(): Promise<void>;
}

/**
 * @throws ShoalError invalid_argument - a specification is wrong or does not fit the data; layout_mismatch - the
 *   placement does not cover the model; data_not_found, data_corrupt - from loading; out_of_memory
 */
export async function prepareRun(start: StartRun, environment: PrepareEnvironment): Promise<PreparedRun> {
  const { job, slots } = start;
  const model = parseModelSpec(job.model, "job.model");
  const size = checkCovered(model, start.placement);
  const initial = await readInitial(start, model, environment);
  const teachers = await loadTeachers(model, environment.readModel);
  const dataset = await environment.loadDataset(parseDatasetSpec(job.data, "job.data"));
  checkDatasetFits(model, shapeOfDataset(dataset));
  const { train, test, preprocessing } = dataset;
  const { batchSize, accumulation, precision, lossScale, epochs, seed } = job;
  const trainSamples = job.federated?.rounds ?? train.count;
  const plan = createEpochPlan({
    samples: trainSamples,
    batchSize: batchParts(job).samples,
    slots: numberedSlots(job, slots),
    epochs,
  });
  const local = localPlan(model, start);
  const { metrics } = job.evaluation;
  const cutsSlots = job.stragglers.adaptiveBatch && job.consistency.mode === "synchronous";
  const own = await environment.startCompute({
    model,
    seed,
    // A slot may be cut as large as a whole step.
    batchSize: batchSize * accumulation * (cutsSlots ? slots : 1),
    microBatch: job.microBatch ?? (accumulation > 1 || cutsSlots ? batchSize : null),
    local,
    precision,
    lossScale,
    metrics,
    teachers,
    train,
    test,
    clip: clipPlan(model, job),
    deterministic: job.deterministic,
  });
  const compute = await federated(start, own, environment);
  try {
    const buffers = createTrainingBuffers(
      environment.memory,
      size,
      maximumGradients(slots),
      local === null ? 0 : replicaBytes(local, size),
    );
    const close = (): Promise<void> => compute.close();
    return {
      model,
      preprocessing,
      plan,
      compute,
      initial,
      buffers,
      dataSource: dataset.source,
      trainSamples,
      close,
    };
  } catch (error) {
    await compute.close();
    throw error;
  }
}

/** Who computes: clients, or this worker. */
async function federated(start: StartRun, own: ComputePort, { federate }: PrepareEnvironment): Promise<ComputePort> {
  if (start.job.federated === null) return own;
  try {
    if (federate !== undefined) return await federate(start, own);
    const sentence = "no clients can reach this worker: a federated run needs a cluster with a NATS server";
    throw new ShoalError("invalid_argument", sentence, { field: "job.federated" });
  } catch (error) {
    await own.close();
    throw error;
  }
}

function clipPlan(model: ModelSpec, { gradientClip: clip, parameterGroups }: JobSpec): ClipPlan | null {
  return clip === null ? null : { clip, ranges: learningRanges(layoutOf(model), parameterGroups) };
}

/** What the worker's own optimiser does; null when gradients are pushed. */
function localPlan(model: ModelSpec, { job, placement }: StartRun): LocalPlan | null {
  const { communication, optimizer, schedule, parameterGroups } = job;
  if (communication.name === "gradients") return null;
  const ranges = layoutOf(model).segments.map((segment) => ({
    begin: segment.offset,
    end: segment.offset + segment.length,
    treatment: treatmentOf(segment, parameterGroups),
  }));
  const rules = { optimizer: parseOptimizerSpec(optimizer), schedule: parseScheduleSpec(schedule) };
  const batchSize = job.batchSize * job.accumulation;
  return { communication, ...rules, ranges, batchSize, fragments: fragmentRanges(placement, communication) };
}

/** Keys of each group of shards that is exchanged in its turn. */
function fragmentRanges({ shards }: Placement, communication: Communication): readonly KeyRange[] {
  const fragments = fragmentsOf(communication);
  return Array.from({ length: fragments }, (_, fragment) => {
    const own = shards.filter((_shard, index) => fragmentOfShard(index, shards.length, fragments) === fragment);
    return { begin: own[0]?.begin ?? 0, end: own.at(-1)?.end ?? 0 };
  });
}

/**
 * Every worker reads it: any of them may have to give the shards their first values.
 * @throws ShoalError data_not_found, data_corrupt, layout_mismatch - all name the file
 */
async function readInitial(
  { job }: StartRun,
  model: ModelSpec,
  environment: Pick<PrepareEnvironment, "readModel">,
): Promise<readonly InitialTensor[]> {
  if (job.initial === null) return [];
  const { file } = job.initial;
  try {
    return matchTensors(layoutOf(model), readTensors(await environment.readModel(file)));
  } catch (error) {
    const { code, message, details } = ShoalError.from(error);
    throw new ShoalError(code, `job.initial.file ${file}: ${message.replace(/^\[[a-z_]+\] /, "")}`, details, {
      cause: error,
    });
  }
}

/** @returns the elements of the parameter vector */
function checkCovered(model: ModelSpec, placement: Placement): number {
  const { size } = layoutOf(model);
  let end = 0;
  for (const shard of placement.shards) {
    if (shard.begin !== end) break;
    end = shard.end;
  }
  if (end === size) return size;
  const sentence = `the placement covers keys 0 to ${end}, the model has ${size} parameters`;
  throw new ShoalError("layout_mismatch", sentence, { covered: end, size });
}

/** Slots by which batches are numbered: outside synchronous mode each batch is for itself, also in a warm-up. */
function numberedSlots({ consistency }: JobSpec, slots: number): number {
  return consistency.mode === "synchronous" ? slots : 1;
}

/** A synchronous step has one gradient for each slot on its way, the others two; one more holds the initial values, later the batch that begins early. */
function maximumGradients(slots: number): number {
  return Math.max(2, slots) + 1;
}
