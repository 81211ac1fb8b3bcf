/**
 * Trains on the thread that asks: in Node, or within a page's compute worker. One model at a time; another one takes the
 * place of the last.
 */
import { ShoalError } from "@shoal/errors";
import type { TaskDescription } from "@shoal/federated";
import type { KernelBuild, KernelModules } from "@shoal/kernels-wasm";
import { parseModelSpec, type Split } from "@shoal/models";
import { createEdgeTrainer, type EdgeTrainer } from "../edge-trainer.ts";
import type { LocalTrainer } from "./local-training.ts";

export interface InlineTrainerOptions {
  /** From `loadKernelModules()`. */
  readonly modules: KernelModules;
  readonly data: Split;
  readonly testData?: Split;
  readonly build?: "auto" | KernelBuild;
  /** Bytes that training may take; default 256 MiB. */
  readonly memoryBytes?: number;
  /** Awaited after every step, so that whoever shares the thread can breathe. */
  readonly pause?: () => Promise<void>;
}

/** Largest batch where a task asks for one batch of all samples. */
const mostBatch = 65_536;

export function createInlineTrainer(options: InlineTrainerOptions): LocalTrainer {
  const { data, testData, modules, build, memoryBytes, pause } = options;
  let current: { readonly key: string; readonly trainer: EdgeTrainer } | undefined;
  const trainerFor = ({ model, local }: TaskDescription): EdgeTrainer => {
    const batchSize = Math.min(local.batchSize ?? data.count, mostBatch);
    const key = JSON.stringify([model, batchSize]);
    if (current?.key !== key) {
      const shared = { modules, spec: parseModelSpec(model, "model"), batchSize };
      const limits = { ...(build !== undefined && { build }), ...(memoryBytes !== undefined && { memoryBytes }) };
      current = { key, trainer: createEdgeTrainer({ ...shared, ...limits }) };
    }
    return current.trainer;
  };
  return {
    samples: data.count,
    testSamples: testData?.count ?? 0,
    async train(task, { values, round, local, clip, signal, onProgress }) {
      const { epochs, learningRate, momentum, proximal, seed } = local;
      if (local.correction !== "none" || local.personal.length > 0) {
        const sentence = "this client has neither control variates nor layers of its own";
        throw new ShoalError("invalid_argument", sentence, { field: "local" });
      }
      const trained = await trainerFor(task).train({
        ...{ parameters: values, data, epochs, learningRate, momentum, proximal, signal },
        // Another order in each round, the same one after a reload.
        seed: (seed + 0x9e3779b1 * round) % 2 ** 32,
        onEpoch: (epoch, loss) => onProgress?.({ epoch, loss }),
        ...(pause !== undefined && { pause }),
      });
      if (clip !== null) clipTo(trained.update, clip);
      const { update, samples, steps, loss } = trained;
      return { update, samples, steps, loss };
    },
    evaluate: async (task, values) => (testData === undefined ? null : trainerFor(task).measure(values, testData)),
    async close() {
      current = undefined;
    },
  };
}

/** Δ·min(1, C/‖Δ‖), in place. */
function clipTo(update: Float32Array, clip: number): void {
  let squares = 0;
  for (const value of update) squares += value * value;
  const norm = Math.sqrt(squares);
  if (norm <= clip) return;
  for (let key = 0; key < update.length; key += 1) update[key] = (update[key] ?? 0) * (clip / norm);
}
