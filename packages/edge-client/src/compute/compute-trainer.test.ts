import { createSimulatedClock, runSimulation, systemClock } from "@shoal/actors/browser";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { afterEach, describe, expect, it } from "vitest";
import { computeTask, computeWork, digitsTrainer } from "../../../../test/support/compute-task.ts";
import type { LocalTrainer } from "../session/local-training.ts";
import type { ComputePort } from "./compute-messages.ts";
import { createComputeTrainer } from "./compute-trainer.ts";
import { serveTrainer } from "./serve-trainer.ts";

const modules = await loadKernelModules();
const ends: { close(): void }[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end.close();
});

function channel(): readonly [ComputePort, ComputePort] {
  const { port1, port2 } = new MessageChannel();
  ends.push(port1, port2);
  return [port1, port2];
}

function open(): Promise<LocalTrainer> {
  const [near, far] = channel();
  serveTrainer(far, digitsTrainer(modules));
  return createComputeTrainer({ port: near, clock: systemClock });
}

describe("a trainer on another thread", () => {
  it("trains and measures as one on this thread does", async () => {
    const [there, here] = [await open(), digitsTrainer(modules)];
    const task = computeTask(2);
    const losses: number[] = [];
    const work = computeWork(task, { onProgress: ({ loss }) => void losses.push(loss) });
    const result = await there.train(task, work);
    expect(result).toEqual(await here.train(task, computeWork(task)));
    expect(losses).toHaveLength(2);
    expect(work.values).toHaveLength(task.size); // borrowed, not moved away
    expect(await there.evaluate(task, work)).toEqual(await here.evaluate(task, work));
    expect([there.samples, there.testSamples]).toEqual([60, 20]);
  });

  it("stops when it is told to, and is free for the next task", async () => {
    const trainer = await open();
    const stopping = new AbortController();
    const task = computeTask(10_000);
    const onProgress = (): void => stopping.abort();
    const training = trainer.train(task, computeWork(task, { signal: stopping.signal, onProgress }));
    await expect(training).rejects.toMatchObject({ code: "cancelled" });
    await expect(trainer.train(computeTask(1), computeWork(computeTask(1)))).resolves.toMatchObject({ steps: 6 });
  });

  it("gives on what the training throws", async () => {
    const trainer = await open();
    const task = { ...computeTask(1), size: 3 };
    await expect(trainer.train(task, computeWork(task))).rejects.toMatchObject({ code: "layout_mismatch" });
  });

  it("fails what is under way, and all that comes later, when it is closed", async () => {
    const trainer = await open();
    const task = computeTask(10_000);
    const training = trainer.train(task, computeWork(task));
    await Promise.all([expect(training).rejects.toMatchObject({ code: "cancelled" }), trainer.close()]);
    await expect(trainer.evaluate(task, computeWork(task))).rejects.toMatchObject({ code: "cancelled" });
  });

  it("is not waited for without end", async () => {
    const clock = createSimulatedClock();
    const [near] = channel();
    const opening = createComputeTrainer({ port: near, clock });
    await Promise.all([
      expect(opening).rejects.toMatchObject({ code: "deadline_exceeded" }),
      runSimulation(clock, { forMs: 61_000 }),
    ]);
  });
});
