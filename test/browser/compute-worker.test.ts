import { systemClock } from "@shoal/actors/browser";
import { createComputeTrainer, type ComputePort } from "@shoal/edge-client";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { expect, it } from "vitest";
import { computeTask, computeWork, digitsTrainer } from "../support/compute-task.ts";

function start(worker: Worker): { readonly port: ComputePort; readonly terminate: () => void } {
  return { port: worker, terminate: () => worker.terminate() };
}

it("trains in a worker of the page to the same bits as on the page's own thread", async () => {
  // Written in one, as bundlers and the test's server know workers.
  const worker = new Worker(new URL("../support/compute-worker.ts", import.meta.url), { type: "module" });
  const { port, terminate } = start(worker);
  const trainer = await createComputeTrainer({ port, terminate, clock: systemClock });
  const task = computeTask(2);
  const here = await digitsTrainer(await loadKernelModules()).train(task, computeWork(task));
  expect(await trainer.train(task, computeWork(task))).toEqual(here);
  await trainer.close();
  await expect(trainer.train(task, computeWork(task))).rejects.toMatchObject({ code: "cancelled" });
});

it("says so when the worker dies", async () => {
  const { port, terminate } = start(new Worker("data:text/javascript,throw new Error('no room')"));
  const opening = createComputeTrainer({ port, terminate, clock: systemClock });
  await expect(opening).rejects.toThrow("the compute thread died");
});
