/**
 * One plain loop: what training through servers and workers has to equal. No actors, no shards, no links: for each step,
 * for each slot, a gradient; their mean weighted by samples; one update of the whole vector.
 */
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import {
  compile,
  createBatchFiller,
  createEpochPlan,
  createShuffle,
  initializeParameters,
  layoutOf,
  parseModelSpec,
  type Dataset,
  type ParameterLayout,
} from "@shoal/models";
import {
  baseLearningRateOf,
  createOptimizer,
  isLayerwise,
  learningRateAt,
  parseOptimizerSpec,
  parseScheduleSpec,
} from "@shoal/optimization";
import type { JobSpec, KeyRange } from "@shoal/protocol";
import { createPlainEncoding } from "./plain-encoding.ts";
import { createPlainUpdate } from "./plain-updates.ts";

export interface PlainTraining {
  /** Final parameters, a copy. */
  readonly parameters: Float32Array;
  /** Mean training loss of each step. */
  readonly losses: readonly number[];
}

/**
 * Trains a job in synchronous mode with `slots` contributions to a step.
 *
 * @param ranges of the shards, which lossy pushes are encoded by; by default one
 */
export function trainPlainly(
  job: JobSpec,
  slots: number,
  dataset: Dataset,
  kernels: Kernels,
  memory: KernelMemory,
  ranges?: readonly KeyRange[],
): PlainTraining {
  const model = parseModelSpec(job.model);
  const layout = layoutOf(model);
  const { size } = layout;
  const pieceRows = Math.min(job.batchSize, job.microBatch ?? job.batchSize);
  const { precision, lossScale } = job;
  const plan = compile(model, { batchSize: pieceRows, kernels, memory, precision, lossScale });
  const regions = [0, 1, 2, 3].map(() => memory.allocate(size * 4));
  const [parameters = 0, gradient = 0, sum = 0, piece = 0] = regions.map((region) => region.byteOffset);
  initializeParameters(model, job.seed, memory.floats(parameters, size));
  const spec = parseOptimizerSpec(job.optimizer);
  const schedule = parseScheduleSpec(job.schedule);
  const isPlain = isWhole(job, layout);
  const update = createPlainUpdate(job, layout, kernels, memory);
  const optimizer = isPlain ? createOptimizer(spec, { size, kernels, memory }) : update;
  const { train } = dataset;
  const filler = createBatchFiller(train, plan);
  const shuffle = createShuffle(job.seed, train.count);
  const epochs = createEpochPlan({ samples: train.count, batchSize: job.batchSize, slots, epochs: job.epochs });
  const encoding = createPlainEncoding(job, ranges ?? [{ begin: 0, end: size }], { kernels, memory });
  const losses: number[] = [];
  for (let step = 0; step < epochs.totalSteps; step += 1) {
    let samples = 0;
    let lossSum = 0;
    kernels.fill(sum, size, 0);
    for (let slot = 0; slot < slots; slot += 1) {
      const batch = epochs.batch(step * slots + slot);
      const { epoch, begin, end } = batch;
      const rows = end - begin;
      if (rows === 0) continue;
      let loss = 0;
      for (let first = begin; first < end; first += pieceRows) {
        const count = filler.fill(shuffle.order(epoch), first, Math.min(end, first + pieceRows));
        const share = count / rows;
        const into = first === begin ? gradient : piece;
        loss += share * plan.gradient(parameters, into, count, { seed: job.seed, epoch, first });
        if (first === begin) kernels.scale(gradient, size, share);
        else kernels.axpy(piece, gradient, size, share);
      }
      lossSum += rows * loss;
      update.clip(gradient);
      encoding?.send(slot, step * slots + slot, gradient);
      kernels.axpy(gradient, sum, size, rows);
      samples += rows;
    }
    if (samples > 0) {
      kernels.scale(sum, size, 1 / samples);
      optimizer.step(parameters, sum, learningRateAt(schedule, baseLearningRateOf(spec), step));
    }
    losses.push(lossSum / samples);
  }
  const result = memory.floats(parameters, size).slice();
  optimizer.dispose();
  if (isPlain) update.dispose();
  encoding?.dispose();
  plan.dispose();
  for (const region of regions) memory.free(region);
  return { parameters: result, losses };
}

/** True when one optimiser updates all values alike: then the loop takes it as one vector. */
function isWhole(job: JobSpec, { segments }: ParameterLayout): boolean {
  const isUniform = segments.every(({ frozen, role }) => !frozen && role !== "statistic");
  return isUniform && job.parameterGroups.length === 0 && !isLayerwise(parseOptimizerSpec(job.optimizer));
}
