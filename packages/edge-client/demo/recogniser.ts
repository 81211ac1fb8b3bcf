/** Says which digit the newest model sees in a drawing. */
import { createEdgeTrainer, type EdgeTrainer, type LocalTrainer } from "@shoal/edge-client";
import type { KernelModules } from "@shoal/kernels-wasm";
import { parseModelSpec, type DenseColumn, type Split } from "@shoal/models";

export interface Recogniser {
  /** The same trainer, of which each round's values are remembered. */
  watch(trainer: LocalTrainer): LocalTrainer;
  /** @returns the share of belief in each digit; undefined before the first round */
  recognise(pixels: Uint8Array): readonly number[] | undefined;
}

interface Known {
  readonly values: Float32Array;
  readonly model: Readonly<Record<string, unknown>>;
}

const digits = 10;

/** @param column - how bytes become inputs on this device */
export function createRecogniser(modules: KernelModules, column: DenseColumn): Recogniser {
  let known: Known | undefined;
  let plan: { readonly model: Known["model"]; readonly trainer: EdgeTrainer } | undefined;
  return {
    watch: (trainer) => ({
      ...trainer,
      train(task, work) {
        known = { values: work.values.slice(), model: task.model };
        return trainer.train(task, work);
      },
    }),
    recognise(pixels) {
      if (known === undefined) return undefined;
      const { model, values } = known;
      if (plan === undefined || JSON.stringify(plan.model) !== JSON.stringify(model)) {
        plan = { model, trainer: createEdgeTrainer({ modules, spec: parseModelSpec(model, "model"), batchSize: 1 }) };
      }
      const { trainer } = plan;
      // The loss of a softmax for label k is −ln of the share of k.
      return Array.from({ length: digits }, (_, label) =>
        Math.exp(-trainer.measure(values, oneSample(pixels, label, column)).loss),
      );
    },
  };
}

function oneSample(values: Uint8Array, label: number, column: DenseColumn): Split {
  return {
    count: 1,
    inputs: { input: { ...column, values } },
    targets: { output: { kind: "labels", classes: digits, values: Int32Array.of(label) } },
  };
}
