import { createKernelMemory, loadKernelModules, type Offset } from "@shoal/kernels-wasm";
import { generateDigits, initializeParameters, layoutOf, type ModelSpec } from "@shoal/models";
import { afterAll, describe, expect, it } from "vitest";
import type { GradientOverlap } from "../compute/compute-port.ts";
import type { ComputeSubject } from "../compute/compute-task.ts";
import { startThreadCompute } from "./thread-compute.ts";

const memory = createKernelMemory();
const modules = await loadKernelModules();
const { train, test } = generateDigits({ samples: 64, testSamples: 8, seed: 3 });
const model: ModelSpec = {
  inputs: 784,
  layers: [
    { type: "dense", outputs: 16, activation: "relu" },
    { type: "dense", outputs: 16, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
};
const { size } = layoutOf(model);
/** Shards that end within layers: the first layer has 12,560 parameters, the second 272, the third 170. */
const cuts = [0, 6_000, 12_000, 12_600, 12_900];
const subject: ComputeSubject = { model, seed: 5, batchSize: 32, train, test };
const allocate = (): Offset => memory.allocate(size * 4).byteOffset;
const parameters = allocate();
initializeParameters(model, 5, memory.floats(parameters, size));
const port = await startThreadCompute(subject, { owner: "worker-1", memory, modules });
afterAll(() => port.close());
const work = { epoch: 0, begin: 0, end: 32, parameters };

const expected = allocate();
const whole = await port.gradient({ ...work, gradient: expected });

describe("a compute thread behind its gate", () => {
  it("computes the same bits from parameters that arrive meanwhile, and tells which shards are final", async () => {
    const [arriving, gradient] = [allocate(), allocate()];
    const [target, source] = [memory.floats(arriving, size).fill(Number.NaN), memory.floats(parameters, size)];
    const arrive = (end: number): void => {
      target.set(source.subarray(0, end));
      port.gate?.open(end);
    };
    const finals: number[] = [];
    const begun: number[] = [];
    const final: GradientOverlap["final"] = (key, { startedAtMs, samples }) => {
      finals.push(key);
      begun.push(startedAtMs);
      expect(samples).toBe(32);
    };
    arrive(6_000);
    const gated = port.gradient({ ...work, parameters: arriving, gradient }, { gated: true, cuts, final });
    // Each message makes a turn of its own: the thread has begun, and can go no further, when the answer comes.
    for (const end of [12_000, 12_600, size]) arrive(end);
    const computed = await gated;
    expect(memory.floats(gradient, size)).toEqual(memory.floats(expected, size)); // no tolerance: the same bits
    expect(computed).toMatchObject({ loss: whole.loss, samples: 32 });
    // 12,832 is where the third layer begins, 12,560 the second.
    expect(finals).toEqual([12_900, 12_600, 0]);
    for (const at of begun) expect(at).toBeLessThanOrEqual(computed.startedAtMs);
  });

  it("ends a step whose parameters are not to come, and computes the next", async () => {
    const gradient = allocate();
    const finals: number[] = [];
    port.gate?.open(6_000);
    const final = (key: number): void => void finals.push(key);
    const gated = port.gradient({ ...work, gradient }, { gated: true, cuts, final });
    port.gate?.cancel();
    await expect(gated).rejects.toMatchObject({ code: "cancelled" });
    expect(finals).toEqual([]);
    await port.gradient({ ...work, gradient }, { gated: false, cuts, final });
    expect(memory.floats(gradient, size)).toEqual(memory.floats(expected, size));
  });

  it("tells nothing of a gradient that is clipped when it is whole", async () => {
    const clip = { clip: { value: 2 ** -10 }, ranges: [{ begin: 0, end: size }] };
    const clipping = await startThreadCompute({ ...subject, clip }, { owner: "worker-1", memory, modules });
    const gradient = allocate();
    const finals: number[] = [];
    const final = (key: number): void => void finals.push(key);
    await clipping.gradient({ ...work, gradient }, { gated: false, cuts, final });
    expect(finals).toEqual([]);
    expect(Math.max(...memory.floats(gradient, size))).toBeLessThanOrEqual(2 ** -10);
    await clipping.close();
  });
});
