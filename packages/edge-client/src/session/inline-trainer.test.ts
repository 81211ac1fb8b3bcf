import { ShoalError } from "@shoal/errors";
import type { TaskDescription } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { generateDigits, initializeParameters, layoutOf, parseModelSpec } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { computeTask, computeWork } from "../../../../test/support/compute-task.ts";
import { plainLocalTraining } from "../../../../test/support/local-training.ts";
import { perceptron } from "../../../../test/support/perceptron.ts";
import { createInlineTrainer } from "./inline-trainer.ts";

const modules = await loadKernelModules();
const { train: data, test: testData } = generateDigits({ samples: 60, testSamples: 20 });
const model = { ...perceptron([8]) };
const spec = parseModelSpec(model, "model");
const { size, segments } = layoutOf(spec);
const head = segments.at(-1)?.name.split(".")[0] ?? "";

function taskOf(own: Partial<TaskDescription> = {}, local: Partial<TaskDescription["local"]> = {}): TaskDescription {
  return { ...computeTask(1), local: { ...plainLocalTraining, ...local }, ...own };
}

const normOf = (update: Float32Array): number => Math.hypot(...update);
const trainer = createInlineTrainer({ modules, data, testData });

describe("the inline trainer", () => {
  it("shuffles otherwise in each round, and the same after a reload", async () => {
    const task = taskOf();
    const first = await trainer.train(task, computeWork(task));
    const again = await createInlineTrainer({ modules, data }).train(task, computeWork(task));
    expect(again).toEqual(first);
    expect((await trainer.train(task, computeWork(task, { draw: 2 }))).update).not.toEqual(first.update);
    expect(first).toMatchObject({ samples: 60, steps: 6, personal: null });
  });

  it("lets others of its thread be heard between two steps", async () => {
    const stopping = new AbortController();
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => stopping.abort(new ShoalError("cancelled", "it is enough")));
    port1.start();
    const task = taskOf({}, { epochs: 100_000 });
    const training = trainer.train(task, computeWork(task, { signal: stopping.signal }));
    port2.postMessage("stop");
    await expect(training).rejects.toMatchObject({ code: "cancelled" });
    port1.close();
  });

  it("takes all samples as one batch where the task says so", async () => {
    const task = taskOf({}, { batchSize: null, epochs: 3 });
    expect(await trainer.train(task, computeWork(task))).toMatchObject({ steps: 3 });
  });

  it("tells the loss of its last epoch, or the one at the values that it was given", async () => {
    const own = createInlineTrainer({ modules, data, testData: data });
    const received = taskOf({}, { lossAt: "received" });
    const work = computeWork(received);
    const there = await own.evaluate(received, work);
    const asked = await own.train(received, work);
    expect(asked.loss).toBe(there?.loss);
    const task = taskOf();
    const usual = await own.train(task, computeWork(task));
    expect(usual.loss).toBeLessThan(asked.loss); // it has learnt meanwhile
    expect(usual.update).toEqual(asked.update);
  });

  it("clips to the round's norm, else to the task's", async () => {
    const task = taskOf({ privacy: { clip: 0.01, localNoise: 0, secure: null } });
    // Roundings of float32, of about 6,000 elements.
    expect(normOf((await trainer.train(task, computeWork(task))).update)).toBeCloseTo(0.01, 6);
    expect(normOf((await trainer.train(task, computeWork(task, { clip: 0.02 }))).update)).toBeCloseTo(0.02, 6);
  });

  it("clips to no greater norm than the noise of clients is for, whatever a round asks for", async () => {
    const threat = { adversarialShare: 0, dropOutShare: 0, server: "curious" } as const;
    const lattice = { clip: 0.01, levels: 3, weightCap: 1, clients: 3, noiseVariance: 4 };
    const secure = { curve: "P-256", minimumClients: 3, threat, lattice } as const;
    for (const hidden of [
      { localNoise: 1e-9, secure: null },
      { localNoise: 0, secure },
    ]) {
      const task = taskOf({ privacy: { clip: 0.01, ...hidden } });
      expect(normOf((await trainer.train(task, computeWork(task, { clip: 9 }))).update)).toBeCloseTo(0.01, 6);
      expect(normOf((await trainer.train(task, computeWork(task, { clip: 0.004 }))).update)).toBeCloseTo(0.004, 6);
    }
  });

  it("adds the noise of local privacy, another one each time", async () => {
    const task = taskOf({ privacy: { clip: 0.01, localNoise: 0.5, secure: null } });
    const { update } = await trainer.train(task, computeWork(task));
    // The deviation of `size` draws is within 5 % of theirs but once in 10^7: its own deviation is 0.5/√(2·size).
    expect(size).toBeGreaterThan(6_000);
    expect(normOf(update) / Math.sqrt(size)).toBeGreaterThan(0.475);
    expect(normOf(update) / Math.sqrt(size)).toBeLessThan(0.525);
    expect((await trainer.train(task, computeWork(task))).update).not.toEqual(update);
  });

  it("corrects each step by the controls, and says how its own changes", async () => {
    const task = taskOf({}, { correction: "scaffold" });
    const [none, some] = [new Float32Array(size), new Float32Array(size).fill(0.25)];
    const plain = await trainer.train(taskOf(), computeWork(taskOf()));
    const first = await trainer.train(task, computeWork(task, { control: { own: none, global: none } }));
    expect(first.update).toEqual(plain.update);
    expect(plain.controlChange).toBeUndefined();
    const even = await trainer.train(task, computeWork(task, { control: { own: some, global: some } }));
    expect(even.update).toEqual(first.update);
    const pushed = await trainer.train(task, computeWork(task, { control: { own: none, global: some } }));
    // Six steps of 0.1 × 0.25 against the gradient, or what they change of it.
    const moved = pushed.update.reduce((sum, value, key) => sum + value - (first.update[key] ?? 0), 0) / size;
    expect(moved).toBeCloseTo(-0.15, 2);
    // Option II: −Δ/(K·η) − c.
    const expected = pushed.update.map((value) => -value / (6 * 0.1) - 0.25);
    const gap = Math.max(...expected.map((value, key) => Math.abs(value - (pushed.controlChange?.[key] ?? NaN))));
    expect(gap).toBeLessThan(1e-6); // a rounding or two of float32
  });

  it("keeps layers of its own: they are trained, kept and not sent", async () => {
    const lengths = segments.filter(({ name }) => name.startsWith(`${head}.`)).map(({ length }) => length);
    const shared = size - lengths.reduce((sum, length) => sum + length, 0);
    const task = taskOf({ size: shared }, { personal: [head] });
    const values = computeWork(task).values.slice(0, shared);
    const first = await trainer.train(task, computeWork(task, { values }));
    expect(first.update).toHaveLength(shared);
    const begun = new Float32Array(size);
    initializeParameters(spec, 1, begun);
    const { personal } = first;
    if (personal === null) throw new Error("nothing was kept");
    expect(personal).toHaveLength(size);
    expect(personal.slice(shared)).not.toEqual(begun.slice(shared));
    // The same values go better with a head that has learnt.
    const before = await trainer.evaluate(task, { values, personal: null });
    const after = await trainer.evaluate(task, { values, personal });
    expect(after?.loss).toBeLessThan(before?.loss ?? 0);
  });

  it("refuses what it cannot do", async () => {
    const short = taskOf({ size: size - 1 });
    await expect(trainer.train(short, computeWork(short))).rejects.toMatchObject({ code: "layout_mismatch" });
    const small = createInlineTrainer({ modules, data, memoryBytes: 2 ** 17 });
    await expect(small.train(taskOf(), computeWork(taskOf()))).rejects.toMatchObject({ code: "out_of_memory" });
    expect(await createInlineTrainer({ modules, data }).evaluate(taskOf(), computeWork(taskOf()))).toBeNull();
  });
});
