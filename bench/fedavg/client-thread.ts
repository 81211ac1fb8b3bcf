/** A thread that trains clients of a federation, one after the other, as it is told them. */
import { parentPort, workerData } from "node:worker_threads";
import { createEdgeTrainer } from "@shoal/edge-client";
import { loadKernelModules } from "@shoal/kernels-wasm";
import type { ClientTask, TrainedClient, TrainingGround } from "./client-pool.ts";
import { selectSamples } from "./select-samples.ts";

const { dataset, spec, batchSize } = workerData as TrainingGround;
const trainer = createEdgeTrainer({ modules: await loadKernelModules(), spec, batchSize });

async function train({ parameters, indices, epochs, learningRate, seed, flipped }: ClientTask): Promise<TrainedClient> {
  const data = selectSamples(dataset.train, indices, flipped ? (label) => 9 - label : undefined);
  const { update, samples, loss } = await trainer.train({ parameters, data, epochs, learningRate, seed });
  return { update, samples, loss };
}

parentPort?.on("message", (task: ClientTask) => {
  void train(task).then((trained) => parentPort?.postMessage(trained));
});
