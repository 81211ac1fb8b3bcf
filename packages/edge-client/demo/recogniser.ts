/** Says which digit the newest model sees in a drawing. */
import { createEdgeTrainer, type EdgeTrainer, type SessionModel } from "@shoal/edge-client";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { layoutOf, type DenseColumn, type ModelSpec, type Split } from "@shoal/models";

export interface Recogniser {
  /** @returns the share of belief in each digit */
  recognise(model: SessionModel, pixels: Uint8Array): readonly number[];
}

const digits = 10;

/** @param column - how bytes become inputs on this device */
export async function openRecogniser(column: DenseColumn): Promise<Recogniser> {
  const modules = await loadKernelModules();
  let plan: { readonly key: string; readonly trainer: EdgeTrainer } | undefined;
  const trainerOf = (spec: ModelSpec): EdgeTrainer => {
    const key = JSON.stringify(spec);
    if (plan?.key !== key) plan = { key, trainer: createEdgeTrainer({ modules, spec, batchSize: 1 }) };
    return plan.trainer;
  };
  return {
    recognise(model, pixels) {
      const trainer = trainerOf(model.spec);
      const values = valuesOf(model);
      // The loss of a softmax for label k is −ln of the share of k.
      return Array.from({ length: digits }, (_, label) =>
        Math.exp(-trainer.measure(values, oneSample(pixels, label, column)).loss),
      );
    },
  };
}

/** @returns [size] float32; zeros where layers stay with clients */
function valuesOf({ spec, parameters }: SessionModel): Float32Array {
  const { size, segments } = layoutOf(spec);
  const values = new Float32Array(size);
  for (const { name, offset } of segments) values.set(parameters[name]?.values ?? [], offset);
  return values;
}

function oneSample(values: Uint8Array, label: number, column: DenseColumn): Split {
  return {
    count: 1,
    inputs: { input: { ...column, values } },
    targets: { output: { kind: "labels", classes: digits, values: Int32Array.of(label) } },
  };
}
