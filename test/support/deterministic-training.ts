/**
 * Short trainings on the deterministic profile (the baseline build), for Node and for the page alike: what they leave must
 * be the same bits wherever they run.
 */
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import {
  compile,
  createBatchFiller,
  generateDigits,
  initializeParameters,
  parseModelSpec,
  type ModelSpec,
  type Split,
} from "@shoal/models";
import { createOptimizer, type OptimizerSpec } from "@shoal/optimization";
import { fingerprint } from "./edge-scenario.ts";

interface Training {
  readonly model: ModelSpec;
  readonly optimizer: OptimizerSpec;
  readonly learningRate: number;
}

const rows = 16;
const steps = 6;
const context = 12;
const vocabulary = 11;
const crossEntropy = { type: "softmax_cross_entropy" } as const;

/** Together they run every kind of kernel whose arithmetic could differ: products, exponentials, reductions, draws. */
const trainings = {
  perceptron: {
    model: {
      inputs: 784,
      layers: [
        { type: "dense", outputs: 50, activation: "relu" },
        { type: "dropout", rate: 0.3 },
        { type: "dense", outputs: 33, activation: "tanh" },
        { type: "dense", outputs: 21, activation: "sigmoid" },
        { type: "dense", outputs: 10 },
      ],
      loss: { ...crossEntropy, smoothing: 0.1 },
    },
    optimizer: { name: "adam" },
    learningRate: 0.003,
  },
  convolutional: {
    model: {
      inputs: { shape: [1, 28, 28] },
      layers: [
        { type: "convolution", filters: 7, kernel: 5, activation: "relu" },
        { type: "max_pool", kernel: 2 },
        { type: "convolution", filters: 9, kernel: 3, padding: 1 },
        { type: "batch_norm" },
        { type: "activation", function: "gelu" },
        { type: "average_pool", kernel: 2 },
        { type: "flatten" },
        { type: "dense", outputs: 10 },
      ],
      loss: crossEntropy,
    },
    optimizer: { name: "sgd", momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
    learningRate: 0.05,
  },
  transformer: {
    model: {
      inputs: { tokens: context, vocabulary },
      layers: [
        { type: "embedding", width: 24 },
        { type: "positional_embedding" },
        { type: "transformer_block", name: "block0", heads: 3, dropout: 0.1 },
        { type: "transformer_block", name: "block1", heads: 2, norm: "rms_norm" },
        { type: "layer_norm" },
        { type: "dense", outputs: vocabulary },
      ],
      loss: crossEntropy,
    },
    optimizer: { name: "adamw", betas: [0.9, 0.99], weightDecay: 0.1 },
    learningRate: 0.002,
  },
} as const satisfies Readonly<Record<string, Training>>;

export type TrainingName = keyof typeof trainings;

export const trainingNames: readonly TrainingName[] = Object.keys(trainings) as TrainingName[];

export interface TrainingOutcome {
  /** Of all parameters, after the last step. */
  readonly fingerprint: string;
  readonly losses: readonly number[];
}

/** Trains for a few steps. */
export async function trainDeterministically(name: TrainingName): Promise<TrainingOutcome> {
  const { model, optimizer: optimizerSpec, learningRate }: Training = trainings[name];
  const spec = parseModelSpec(model);
  const memory = createKernelMemory();
  const kernels = instantiateKernels(await loadKernelModules(), memory, { build: "baseline" });
  const plan = compile(spec, { batchSize: rows, kernels, memory });
  const { size } = plan.layout;
  const [parameters, gradient] = [memory.allocate(4 * size).byteOffset, memory.allocate(4 * size).byteOffset];
  initializeParameters(spec, 7, memory.floats(parameters, size));
  const optimizer = createOptimizer(optimizerSpec, { size, kernels, memory });
  const losses: number[] = [];
  const filler = createBatchFiller(name === "transformer" ? windows() : digits, plan);
  const order = Uint32Array.from({ length: count }, (_, index) => count - 1 - index);
  for (let step = 0; step < steps; step++) {
    filler.fill(order, step * rows, (step + 1) * rows);
    losses.push(plan.gradient(parameters, gradient, rows, { seed: 5, epoch: 0, first: step * rows }));
    optimizer.step(parameters, gradient, learningRate);
  }
  return { fingerprint: fingerprint(memory.floats(parameters, size).slice()), losses };
}

const count = rows * steps;
const { train: digits } = generateDigits({ samples: count, testSamples: 1, seed: 3 });

/** Windows of a sequence that is hard to foresee, but not random. */
function windows(): Split {
  const tokens = Uint8Array.from({ length: count + context + 1 }, (_, index) => (index * index) % vocabulary);
  const column = { kind: "windows", vocabulary, length: context, stride: 1, tokens } as const;
  return { count, inputs: { input: { ...column, begin: 0 } }, targets: { output: { ...column, begin: 1 } } };
}
