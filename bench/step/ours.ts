/** A compiled model with a batch in it, and one training step of it: forward, backward and SGD. */
import {
  createKernelMemory,
  instantiateKernels,
  loadKernelModules,
  type KernelBuild,
  type KernelMemory,
  type Offset,
} from "@shoal/kernels-wasm";
import { compile, initializeParameters, type ModelSpec, type Plan } from "@shoal/models";

/** A parameter or a batch in JavaScript's own memory, row-major. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** One batch: floats or tokens in, labels to be reached. */
export interface TrainingBatch {
  readonly rows: number;
  readonly inputs: Float32Array | Int32Array;
  readonly labels: Int32Array;
}

export interface OurModel {
  readonly spec: ModelSpec;
  readonly peakBytes: number;
  /** Parameters by name as they are now, copied. */
  weights(): Readonly<Record<string, Numbers>>;
  /** @returns the loss before the update */
  step(): number;
}

const draw = { seed: 1, epoch: 0, first: 0 };

export async function createOurs(
  spec: ModelSpec,
  batch: TrainingBatch,
  learningRate: number,
  build: KernelBuild | "auto" = "auto",
): Promise<OurModel> {
  const memory = createKernelMemory();
  const kernels = instantiateKernels(await loadKernelModules(), memory, { build });
  const plan = compile(spec, { batchSize: batch.rows, kernels, memory });
  const { size, segments } = plan.layout;
  const [parameters, gradient] = [vectorOf(memory, size), vectorOf(memory, size)];
  const values = memory.floats(parameters, size);
  initializeParameters(spec, 1, values);
  fill(plan, batch);
  return {
    spec,
    peakBytes: plan.peakBytes,
    weights: () =>
      Object.fromEntries(
        segments.map(({ name, shape, offset, length }) => [
          name,
          { shape, values: values.slice(offset, offset + length) },
        ]),
      ),
    step() {
      const loss = plan.gradient(parameters, gradient, batch.rows, draw);
      kernels.sgd(parameters, gradient, size, learningRate, 0);
      return loss;
    },
  };
}

function vectorOf(memory: KernelMemory, size: number): Offset {
  return memory.allocate(4 * size).byteOffset;
}

function fill(plan: Plan, batch: TrainingBatch): void {
  const { input } = plan.inputs;
  const { output } = plan.targets;
  if (input?.kind === "floats") input.floats.set(batch.inputs);
  else if (input?.kind === "tokens") input.tokens.set(batch.inputs);
  else throw new TypeError("the model has no input of floats or tokens");
  if (output?.kind !== "labels") throw new TypeError("the model has no labels");
  output.labels.set(batch.labels);
}
