/**
 * Local updates as one plain loop: replicas one after the other, the rules written down once more, in float64. Knows
 * nothing of shards, treatments or outer optimisers. Streaming: fragments end at `fragmentEnds`.
 */
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import {
  compile,
  createBatchFiller,
  createEpochPlan,
  createShuffle,
  initializeParameters,
  parseModelSpec,
  type Dataset,
} from "@shoal/models";
import {
  baseLearningRateOf,
  createOptimizer,
  learningRateAt,
  parseOptimizerSpec,
  parseScheduleSpec,
} from "@shoal/optimization";
import { localSteps, type JobSpec } from "@shoal/protocol";

/** @param fragmentEnds with fragments: the key behind each. @returns the global parameters at the end */
export function trainLocally(
  job: JobSpec,
  slots: number,
  dataset: Dataset,
  kernels: Kernels,
  memory: KernelMemory,
  fragmentEnds: readonly number[] = [],
): Float64Array {
  const { communication, batchSize, seed } = job;
  const fragmentAt = (key: number): number =>
    Math.max(
      0,
      fragmentEnds.findIndex((end) => key < end),
    );
  const streams = communication.name === "diloco" && (communication.fragments > 1 || communication.delay > 0);
  const steps = localSteps(communication);
  const model = parseModelSpec(job.model);
  const plan = compile(model, { batchSize, kernels, memory });
  const { size } = plan.layout;
  const spec = parseOptimizerSpec(job.optimizer);
  const schedule = parseScheduleSpec(job.schedule);
  const take = (): { offset: number; view: Float32Array } => {
    const { byteOffset: offset } = memory.allocate(size * 4);
    return { offset, view: memory.floats(offset, size) };
  };
  const gradient = take();
  const first = new Float32Array(size);
  initializeParameters(model, seed, first);
  const global = Float64Array.from(first);
  const velocity = new Float64Array(size);
  const replicas = Array.from({ length: slots }, () => {
    const own = take();
    own.view.set(first);
    return { own, optimizer: createOptimizer(spec, { size, kernels, memory }) };
  });
  const filler = createBatchFiller(dataset.train, plan);
  const shuffle = createShuffle(seed, dataset.train.count);
  const epochs = createEpochPlan({
    samples: dataset.train.count,
    batchSize: batchSize * steps,
    slots,
    epochs: job.epochs,
  });
  for (let round = 0; round < epochs.totalSteps; round += 1) {
    const change = new Float64Array(size);
    let samples = 0;
    const before = Float64Array.from(global);
    for (const [slot, { own, optimizer }] of replicas.entries()) {
      const { epoch, begin, end } = epochs.batch(round * slots + slot);
      if (communication.name !== "easgd" && (!streams || round === 0)) own.view.set(before);
      const weight = communication.name === "easgd" || communication.name === "geo_sgd" ? 1 : end - begin;
      for (let at = begin, step = 0; at < end; at += batchSize, step += 1) {
        if (streams && round > 0 && step === communication.delay) {
          const arrived = (round - 1) % communication.fragments;
          for (let key = 0; key < size; key += 1) {
            if (fragmentAt(key) !== arrived) continue;
            const w = before[key] ?? 0;
            own.view[key] = w + communication.mixing * ((own.view[key] ?? 0) - w);
          }
        }
        const rows = filler.fill(shuffle.order(epoch), at, Math.min(end, at + batchSize));
        plan.gradient(own.offset, gradient.offset, rows, { seed, epoch, first: at });
        if (step === 0 && communication.name === "easgd") {
          for (let key = 0; key < size; key += 1) {
            const move = communication.elasticity * ((own.view[key] ?? 0) - (before[key] ?? 0));
            own.view[key] = (own.view[key] ?? 0) - move;
            change[key] = (change[key] ?? 0) + move;
          }
        }
        optimizer.step(
          own.offset,
          gradient.offset,
          learningRateAt(schedule, baseLearningRateOf(spec), round * steps + step),
        );
      }
      samples += weight;
      if (communication.name === "easgd") continue;
      own.view.forEach((value, key) => {
        change[key] = (change[key] ?? 0) + weight * (value - (before[key] ?? 0));
      });
    }
    for (let key = 0; key < size; key += 1) {
      if (communication.name === "diloco" && fragmentAt(key) !== round % communication.fragments) continue;
      const sum = change[key] ?? 0;
      if (communication.name === "easgd") global[key] = (global[key] ?? 0) + sum;
      else if (communication.name === "diloco") {
        const { outerLearningRate: rate, outerMomentum: momentum } = communication;
        const v = momentum * (velocity[key] ?? 0) - sum / samples;
        velocity[key] = v;
        global[key] = (global[key] ?? 0) - rate * (momentum * v - sum / samples);
      } else if (communication.name === "fedasync") {
        global[key] = (global[key] ?? 0) + (communication.mixing * sum) / samples;
      } else global[key] = (global[key] ?? 0) + sum / samples;
    }
  }
  return global;
}
