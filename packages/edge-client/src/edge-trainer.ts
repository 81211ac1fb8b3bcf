/**
 * The client's half of a federated round: some epochs of SGD on local data, and the update that they make.
 *
 * Runs in browsers and on small devices: no Node, no threads, one private or shared kernel memory. The data never leaves
 * this object; the update is the difference between trained and received parameters.
 * Source  McMahan et al., AISTATS 2017, algorithm 1 (ClientUpdate).
 */
import { ShoalError } from "@shoal/errors";
import { decideAdmission, trainerBytes, type AdmissionDecision, type AdmissionLimits } from "@shoal/federated";
import {
  createKernelMemory,
  instantiateKernels,
  type KernelBuild,
  type KernelMemory,
  type KernelModules,
  type Kernels,
} from "@shoal/kernels-wasm";
import {
  compileFloat32,
  createAccuracy,
  createBatchFiller,
  createEpochPlan,
  createShuffle,
  layoutOf,
  planBytes,
  type ModelSpec,
  type ParameterLayout,
  type Plan,
  type Split,
} from "@shoal/models";

export interface EdgeTrainerOptions {
  /** From `loadKernelModules()`. */
  readonly modules: KernelModules;
  readonly spec: ModelSpec;
  /** Samples of one SGD step; default 32. */
  readonly batchSize?: number;
  /** Default "auto". */
  readonly build?: "auto" | KernelBuild;
  /** Bytes that the trainer's memory may grow to; default 256 MiB. */
  readonly memoryBytes?: number;
}

export interface EdgeTask {
  /** [layout.size] float32, the received parameters; borrowed. */
  readonly parameters: Float32Array;
  /** Borrowed. */
  readonly data: Split;
  /** Passes over the data. */
  readonly epochs: number;
  readonly learningRate: number;
  /** Of SGD, with a velocity that begins at zero in each task; default 0. */
  readonly momentum?: number;
  /** FedProx: μ, by which steps are held near the received parameters; default 0. */
  readonly proximal?: number;
  /** [layout.size] float32, added to the gradient of every step (SCAFFOLD: global − own control); borrowed. */
  readonly correction?: Float32Array | undefined;
  /** Of the order of the samples; non-negative integer. */
  readonly seed: number;
  /** What the server will admit, where it said so: an update beyond it need not be sent. Default: anything finite. */
  readonly limits?: Pick<AdmissionLimits, "normBound" | "sampleCap">;
  /** Stops the training between two steps. */
  readonly signal?: AbortSignal;
  /** Told the mean loss of each epoch as it ends. */
  readonly onEpoch?: (epoch: number, loss: number) => void;
  /** Awaited after every step, so that a page can breathe; default: the training runs through. */
  readonly pause?: () => Promise<void>;
}

export interface EdgeUpdate {
  /** [layout.size] float32: trained minus received parameters; the caller's to keep. */
  readonly update: Float32Array;
  /** Samples trained on, each counted once. */
  readonly samples: number;
  /** How the server will judge the update under the task's limits; holds its weight and norm. */
  readonly admission: AdmissionDecision;
  /** Mean loss of the last epoch, taken while it trained. */
  readonly loss: number;
  /** Steps of SGD that made it. */
  readonly steps: number;
}

/** A measurement on data of the client's own. */
export interface EdgeMeasurement {
  readonly samples: number;
  readonly loss: number;
  /** Share of right answers; 0 for models whose answers are numbers. */
  readonly accuracy: number;
}

export interface EdgeTrainer {
  readonly layout: ParameterLayout;
  /**
   * Trains on `data`, one task at a time.
   * @throws ShoalError layout_mismatch for parameters of another size; not_finite when the training diverged; cancelled
   * when the signal was raised; no_capacity when another task runs. RangeError for counts that make no sense
   */
  train(task: EdgeTask): Promise<EdgeUpdate>;
  /** Measures parameters on a split. @param parameters - [layout.size] float32, borrowed @throws ShoalError as `train` */
  measure(parameters: Float32Array, data: Split): EdgeMeasurement;
}

const defaultBatchSize = 32;
const defaultMemoryBytes = 256 * 2 ** 20;
/** It grows as the model needs. */
const usualInitialBytes = 2 ** 20;
const greatestMemoryBytes = 2 ** 32;
const floatBytes = Float32Array.BYTES_PER_ELEMENT;

interface Workplace {
  readonly plan: Plan;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  /** Byte offsets of vectors of `layout.size`. */
  readonly parameters: number;
  readonly received: number;
  readonly gradient: number;
  readonly velocity: number;
  /** Taken by the first task that has one. */
  correction: number | undefined;
}

/** Compiles the model and takes all memory at once. @throws ShoalError out_of_memory - says what it takes */
export function createEdgeTrainer(options: EdgeTrainerOptions): EdgeTrainer {
  const { modules, spec, batchSize = defaultBatchSize, build = "auto" } = options;
  const memory = takeMemory(spec, batchSize, options.memoryBytes ?? defaultMemoryBytes);
  const kernels = instantiateKernels(modules, memory, { build });
  const plan = compileFloat32(spec, { batchSize, kernels, memory });
  const vector = (): number => memory.allocate(plan.layout.size * floatBytes).byteOffset;
  const place: Workplace = {
    plan,
    kernels,
    memory,
    parameters: vector(),
    received: vector(),
    gradient: vector(),
    velocity: vector(),
    correction: undefined,
  };
  let busy = false;
  return {
    layout: plan.layout,
    async train(task) {
      checkTask(task, plan);
      if (busy) throw new ShoalError("no_capacity", "another task runs; the trainer takes one at a time");
      busy = true;
      try {
        return await trainOn(place, task);
      } finally {
        busy = false;
      }
    },
    measure(parameters, data) {
      checkTask({ parameters, learningRate: 1 }, plan);
      if (busy) throw new ShoalError("no_capacity", "a task runs; the trainer measures when it is over");
      return measure(place, parameters, data);
    },
  };
}

/** No more addresses are reserved than a task may need: devices refuse what they could not give. */
function takeMemory(spec: ModelSpec, batchSize: number, most: number): KernelMemory {
  const model = { size: layoutOf(spec).size, planBytes: planBytes(spec, batchSize) };
  const needed = trainerBytes(model, { correction: "none" });
  if (needed > most) {
    const sentence = `the kernels take ${needed} bytes for batches of ${batchSize}, this trainer may have ${most}`;
    throw new ShoalError("out_of_memory", sentence, { requestedBytes: needed, maximumBytes: most });
  }
  const maximumBytes = Math.min(most, trainerBytes(model, { correction: "scaffold" }), greatestMemoryBytes);
  const initialBytes = Math.min(maximumBytes, usualInitialBytes);
  return createKernelMemory({ maximumBytes, initialBytes, growth: "exact" });
}

function measure({ plan, memory, parameters: at }: Workplace, parameters: Float32Array, data: Split): EdgeMeasurement {
  memory.floats(at, plan.layout.size).set(parameters);
  const filler = createBatchFiller(data, plan);
  const order = Uint32Array.from({ length: data.count }, (_, position) => position);
  const right = createAccuracy(plan.spec);
  let lossSum = 0;
  for (let begin = 0; begin < data.count; begin += plan.batchSize) {
    const rows = filler.fill(order, begin, Math.min(data.count, begin + plan.batchSize));
    lossSum += plan.evaluate(at, rows);
    const outputs = Object.entries(plan.outputs).map(([name, { offset, shape }]) => {
      const width = shape.reduce((product, size) => product * size, 1);
      return [name, memory.floats(offset, rows * width)] as const;
    });
    right.add(Object.fromEntries(outputs), plan.targets, rows);
  }
  return { samples: data.count, loss: lossSum / data.count, accuracy: right.value() };
}

function checkTask(
  { parameters, learningRate, correction }: Pick<EdgeTask, "parameters" | "learningRate" | "correction">,
  plan: Plan,
): void {
  const { size } = plan.layout;
  if (correction !== undefined && correction.length !== size) {
    const details = { expected: size, found: correction.length };
    throw new ShoalError("layout_mismatch", `a correction of ${correction.length} for a model of ${size}`, details);
  }
  if (parameters.length !== size) {
    const details = { expected: size, found: parameters.length };
    throw new ShoalError("layout_mismatch", `${parameters.length} parameters for a model of ${size}`, details);
  }
  if (!(learningRate > 0) || learningRate === Infinity) {
    throw new RangeError(`learningRate must be a positive number, got ${learningRate}`);
  }
}

async function trainOn(place: Workplace, task: EdgeTask): Promise<EdgeUpdate> {
  const { kernels, memory, plan } = place;
  const { size } = plan.layout;
  memory.floats(place.received, size).set(task.parameters);
  kernels.copy(place.received, place.parameters, size);
  if (task.correction !== undefined) {
    place.correction ??= memory.allocate(size * floatBytes).byteOffset;
    memory.floats(place.correction, size).set(task.correction);
  }
  const { loss, steps } = await runEpochs(place, task);
  kernels.axpy(place.received, place.parameters, size, -1);
  const update = memory.floats(place.parameters, size).slice();
  const samples = task.data.count;
  const { normBound = Infinity, sampleCap = samples } = task.limits ?? {};
  const admission = decideAdmission(update, samples, { size, normBound, sampleCap });
  if (admission.kind === "reject" && admission.cause === "not_finite") {
    const advice = `a smaller learningRate than ${task.learningRate} may help`;
    throw new ShoalError("not_finite", `the local training diverged (${admission.reason}); ${advice}`, { loss });
  }
  return { update, samples, admission, loss, steps };
}

/** @returns the mean loss of the last epoch, and the steps of all */
async function runEpochs(place: Workplace, task: EdgeTask): Promise<{ readonly loss: number; readonly steps: number }> {
  const { plan, parameters, gradient } = place;
  const { data, epochs, pause, onEpoch } = task;
  const cut = createEpochPlan({ samples: data.count, batchSize: plan.batchSize, slots: 1, epochs });
  const shuffle = createShuffle(task.seed, data.count);
  const filler = createBatchFiller(data, plan);
  let lossSum = 0;
  for (let number = 0; number < cut.totalBatches; number += 1) {
    if (task.signal?.aborted === true) throw new ShoalError("cancelled", "the local training was stopped");
    const { epoch, begin, end } = cut.batch(number);
    if (number % cut.batchesPerEpoch === 0) lossSum = 0;
    const rows = filler.fill(shuffle.order(epoch), begin, end);
    lossSum += plan.gradient(parameters, gradient, rows, { seed: task.seed, epoch, first: begin }) * rows;
    takeStep(place, task, number === 0);
    if ((number + 1) % cut.batchesPerEpoch === 0) onEpoch?.(epoch, lossSum / data.count);
    if (pause !== undefined) await pause();
  }
  return { loss: lossSum / data.count, steps: cut.totalBatches };
}

/** w ← w − η·v with v ← ρ·v + g + correction + μ·(w − received); without momentum v is the gradient. */
function takeStep(place: Workplace, task: EdgeTask, isFirst: boolean): void {
  const { plan, kernels, parameters, received, gradient, velocity } = place;
  const { learningRate, momentum = 0, proximal = 0 } = task;
  const { size } = plan.layout;
  if (proximal > 0) {
    kernels.axpy(parameters, gradient, size, proximal);
    kernels.axpy(received, gradient, size, -proximal);
  }
  if (task.correction !== undefined && place.correction !== undefined) {
    kernels.axpy(place.correction, gradient, size, 1);
  }
  if (momentum === 0) kernels.sgd(parameters, gradient, size, learningRate, 0);
  else kernels.sgdMomentum(parameters, gradient, velocity, size, learningRate, momentum, 0, 0, false, isFirst);
}
