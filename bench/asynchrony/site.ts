/** What the cells of one thread share: kernel memory, the data set, and compiled models. */
import {
  createKernelMemory,
  instantiateKernels,
  loadKernelModules,
  type KernelMemory,
  type Kernels,
  type Offset,
} from "@shoal/kernels-wasm";
import {
  compile,
  createBatchFiller,
  createMetrics,
  parseModelSpec,
  type BatchFiller,
  type Dataset,
  type Plan,
} from "@shoal/models";
import { models, type ModelName } from "./cell.ts";

export interface StudySite {
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly dataset: Dataset;
  learner(model: ModelName, batchSize: number): Learner;
}

export interface Learner {
  /** Takes batches of the training split. */
  readonly plan: Plan;
  readonly filler: BatchFiller;
  /** @returns share of every `stride`-th test sample that these parameters get wrong; borrows them */
  testError(parameters: Offset, stride: number): number;
}

const evaluationRows = 500;

export async function createStudySite(dataset: Dataset): Promise<StudySite> {
  const memory = createKernelMemory();
  const kernels = instantiateKernels(await loadKernelModules(), memory);
  const learners = new Map<string, Learner>();
  return {
    memory,
    kernels,
    dataset,
    learner(model, batchSize) {
      const key = `${model} ${batchSize}`;
      const known = learners.get(key) ?? createLearner(model, batchSize, { memory, kernels, dataset });
      learners.set(key, known);
      return known;
    },
  };
}

function createLearner(model: ModelName, batchSize: number, site: Omit<StudySite, "learner">): Learner {
  const { memory, kernels, dataset } = site;
  const spec = parseModelSpec(models[model]);
  const plan = compile(spec, { batchSize, kernels, memory });
  const judge = compile(spec, { batchSize: evaluationRows, kernels, memory });
  const test = createBatchFiller(dataset.test, judge);
  return {
    plan,
    filler: createBatchFiller(dataset.train, plan),
    testError(parameters, stride) {
      const count = Math.ceil(dataset.test.count / stride);
      const order = Uint32Array.from({ length: count }, (_, position) => position * stride);
      const metrics = createMetrics(spec, ["accuracy"]);
      for (let begin = 0; begin < count; begin += evaluationRows) {
        const rows = test.fill(order, begin, Math.min(count, begin + evaluationRows));
        judge.evaluate(parameters, rows);
        const outputs = Object.entries(judge.outputs).map(
          ([name, { offset, shape }]) => [name, memory.floats(offset, rows * (shape[0] ?? 1))] as const,
        );
        metrics.add(Object.fromEntries(outputs), judge.targets, rows);
      }
      return 1 - metrics.accuracy();
    },
  };
}
