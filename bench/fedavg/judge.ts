/** What share of the test split a vector of parameters gets right. */
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import {
  compile,
  createBatchFiller,
  createMetrics,
  initializeParameters,
  type ModelSpec,
  type Split,
} from "@shoal/models";

export interface Judge {
  /** Parameters of the model, as the seed draws them. */
  initial(seed: number): Float32Array;
  /** Borrows them. */
  accuracy(parameters: Float32Array): number;
}

const evaluationRows = 500;

export async function createJudge(spec: ModelSpec, test: Split): Promise<Judge> {
  const memory = createKernelMemory();
  const kernels = instantiateKernels(await loadKernelModules(), memory);
  const plan = compile(spec, { batchSize: Math.min(evaluationRows, test.count), kernels, memory });
  const { size } = plan.layout;
  const place = memory.allocate(size * Float32Array.BYTES_PER_ELEMENT).byteOffset;
  const filler = createBatchFiller(test, plan);
  const order = Uint32Array.from({ length: test.count }, (_, index) => index);
  return {
    initial(seed) {
      const parameters = new Float32Array(size);
      initializeParameters(spec, seed, parameters);
      return parameters;
    },
    accuracy(parameters) {
      memory.floats(place, size).set(parameters);
      const metrics = createMetrics(spec, ["accuracy"]);
      for (let begin = 0; begin < test.count; begin += plan.batchSize) {
        const rows = filler.fill(order, begin, Math.min(test.count, begin + plan.batchSize));
        plan.evaluate(place, rows);
        const outputs = Object.entries(plan.outputs).map(
          ([name, { offset, shape }]) => [name, memory.floats(offset, rows * (shape[0] ?? 1))] as const,
        );
        metrics.add(Object.fromEntries(outputs), plan.targets, rows);
      }
      return metrics.accuracy();
    },
  };
}
