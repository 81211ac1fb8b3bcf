import { loadKernelModules } from "@shoal/kernels-wasm";
import { generateDigits, initializeParameters, parseModelSpec, type Split } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { edgeFingerprint, edgeModel, fingerprint, runEdgeScenario } from "../../../test/support/edge-scenario.ts";
import { createEdgeTrainer, type EdgeTask, type EdgeTrainer } from "./edge-trainer.ts";

const modules = await loadKernelModules();
const { train: data } = generateDigits({ samples: 100, testSamples: 1 });

function trainerAndTask(): { trainer: EdgeTrainer; task: EdgeTask } {
  const trainer = createEdgeTrainer({ modules, spec: edgeModel });
  const parameters = new Float32Array(trainer.layout.size);
  initializeParameters(edgeModel, 1, parameters);
  return { trainer, task: { parameters, data, epochs: 2, learningRate: 0.1, seed: 1 } };
}

describe("the edge trainer", () => {
  it("comes to the same bits as in a browser on the baseline kernels", async () => {
    const { update, samples, loss } = await runEdgeScenario();
    expect(samples).toBe(600);
    expect(loss).toBeLessThan(1.5); // ln 10 = 2.3 before the training
    expect(fingerprint(update)).toBe(edgeFingerprint);
  });

  it("gives the same update for the same task and leaves the received parameters alone", async () => {
    const { trainer, task } = trainerAndTask();
    const before = task.parameters.slice();
    const first = await trainer.train(task);
    expect(task.parameters).toEqual(before);
    expect(await trainer.train(task)).toEqual(first);
    expect((await trainer.train({ ...task, seed: 2 })).update).not.toEqual(first.update);
  });

  it("makes an update that lowers the loss when it is added", async () => {
    const { trainer, task } = trainerAndTask();
    const first = await trainer.train({ ...task, epochs: 4 });
    const parameters = task.parameters.map((value, key) => value + (first.update[key] ?? 0));
    expect((await trainer.train({ ...task, parameters, epochs: 1 })).loss).toBeLessThan(first.loss);
  });

  it("stops between two steps when it is told to, and is free for the next task", async () => {
    const { trainer, task } = trainerAndTask();
    const controller = new AbortController();
    let steps = 0;
    const pause = async (): Promise<void> => {
      steps += 1;
      if (steps === 3) controller.abort();
    };
    const stopped = trainer.train({ ...task, signal: controller.signal, pause });
    await expect(trainer.train(task)).rejects.toMatchObject({ code: "no_capacity" });
    await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
    expect(steps).toBe(3);
    await expect(trainer.train(task)).resolves.toMatchObject({ samples: 100 });
  });

  it("takes little memory at first, and comes to the same when it and others on its thread grow", async () => {
    const wide = parseModelSpec({
      ...{ inputs: 784, loss: { type: "softmax_cross_entropy" } },
      layers: [
        { type: "dense", outputs: 300, activation: "tanh" },
        { type: "dense", outputs: 10 },
      ],
    });
    const first = createEdgeTrainer({ modules, spec: wide });
    const parameters = new Float32Array(first.layout.size); // 0.95 MB, of which it holds four: more than it begins with
    initializeParameters(wide, 1, parameters);
    const task: EdgeTask = { parameters, data, epochs: 1, learningRate: 0.1, seed: 1 };
    const alone = await first.train(task);
    expect(Math.hypot(...alone.update.subarray(-3_000))).toBeGreaterThan(1e-3);
    const others = [createEdgeTrainer({ modules, spec: wide }), createEdgeTrainer({ modules, spec: wide })];
    for (const trainer of [first, ...others, first]) expect((await trainer.train(task)).update).toEqual(alone.update);
  });

  it("says so when the training diverges", async () => {
    const { trainer, task } = trainerAndTask();
    const parameters = task.parameters.with(0, Number.NaN);
    await expect(trainer.train({ ...task, parameters })).rejects.toMatchObject({ code: "not_finite" });
  });

  it("foretells how the server will judge the update", async () => {
    const { trainer, task } = trainerAndTask();
    const { admission } = await trainer.train({ ...task, limits: { normBound: 1e6, sampleCap: 40 } });
    expect(admission).toMatchObject({ kind: "admit", weight: 40 });
    const tight = await trainer.train({ ...task, limits: { normBound: 1e-6, sampleCap: 40 } });
    expect(tight.admission).toMatchObject({ kind: "reject", cause: "norm_too_large" });
  });

  it("refuses what does not fit the model", async () => {
    const { trainer, task } = trainerAndTask();
    const narrow = { kind: "dense", width: 4, values: new Float32Array(4 * data.count), scale: 1, shift: 0 } as const;
    const wrong: Split = { ...data, inputs: { input: narrow } };
    const short = task.parameters.subarray(1);
    await expect(trainer.train({ ...task, parameters: short })).rejects.toMatchObject({ code: "layout_mismatch" });
    await expect(trainer.train({ ...task, data: wrong })).rejects.toThrow(
      "a column of 4 numbers does not fit an input of",
    );
    await expect(trainer.train({ ...task, learningRate: 0 })).rejects.toThrow("learningRate must be");
    await expect(trainer.train({ ...task, epochs: 0 })).rejects.toThrow("epochs must be a positive integer");
  });
});
