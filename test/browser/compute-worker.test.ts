import { systemClock } from "@shoal/actors/browser";
import { createComputeTrainer, type ComputePort } from "@shoal/edge-client";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { expect, it } from "vitest";
import { computeTask, computeWork, digitsTrainer } from "../support/compute-task.ts";

function start(file: URL): { readonly port: ComputePort; readonly terminate: () => void } {
  const worker = new Worker(file, { type: "module" });
  return { port: worker, terminate: () => worker.terminate() };
}

it("trains in a worker of the page to the same bits as on the page's own thread", async () => {
  const { port, terminate } = start(new URL("../support/compute-worker.ts", import.meta.url));
  const trainer = await createComputeTrainer({ port, terminate, clock: systemClock });
  const task = computeTask(2);
  const here = await digitsTrainer(await loadKernelModules()).train(task, computeWork(task));
  expect(await trainer.train(task, computeWork(task))).toEqual(here);
  await trainer.close();
  await expect(trainer.train(task, computeWork(task))).rejects.toMatchObject({ code: "cancelled" });
});

it("says so when the worker dies", async () => {
  const { port, terminate } = start(new URL("data:text/javascript,throw new Error('no room')"));
  const opening = createComputeTrainer({ port, terminate, clock: systemClock });
  await expect(opening).rejects.toThrow("the compute thread died");
});
