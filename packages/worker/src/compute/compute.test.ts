import { createKernelMemory, instantiateKernels, loadKernelModules, type Offset } from "@shoal/kernels-wasm";
import {
  compile,
  createBatchFiller,
  createShuffle,
  generateDigits,
  initializeParameters,
  layoutOf,
  type ModelSpec,
  type Split,
} from "@shoal/models";
import { afterAll, describe, expect, it } from "vitest";
import { startThreadCompute } from "../host/thread-compute.ts";
import type { ComputePort } from "./compute-port.ts";
import { computeTaskBytes, type ComputeSubject } from "./compute-task.ts";
import { createInlineCompute } from "./inline-compute.ts";

const memory = createKernelMemory();
const modules = await loadKernelModules();
const { train, test } = generateDigits({ samples: 200, testSamples: 150, seed: 3 });
const model: ModelSpec = {
  inputs: 784,
  layers: [
    { type: "dense", outputs: 16, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
};
const subject: ComputeSubject = { model, seed: 5, batchSize: 32, train, test };
const { size } = layoutOf(model);
const allocate = (): Offset => memory.allocate(size * 4).byteOffset;
const parameters = allocate();
initializeParameters(model, 5, memory.floats(parameters, size));
const now = (): number => performance.timeOrigin + performance.now();

const inline = createInlineCompute(subject, { memory, modules, now });
const thread = await startThreadCompute(subject, { owner: "worker-1", memory, modules });
afterAll(() => Promise.all([inline.close(), thread.close()]));

/** The same gradient by the plan itself. */
function expectedGradient(
  epoch: number,
  begin: number,
  end: number,
  build: "auto" | "baseline" = "auto",
): { loss: number; gradient: Float32Array } {
  const kernels = instantiateKernels(modules, memory, { build });
  const plan = compile(model, { batchSize: 32, kernels, memory });
  const rows = createBatchFiller(train, plan).fill(createShuffle(5, train.count).order(epoch), begin, end);
  const gradient = allocate();
  const loss = plan.gradient(parameters, gradient, rows, { seed: 5, epoch, first: begin });
  return { loss, gradient: memory.floats(gradient, size) };
}

describe.each(["inline", "thread"] as const)("the deterministic profile, %s", (kind) => {
  it("computes with the baseline kernels, and clips what the job bounds", async () => {
    const clip = { clip: { norm: 0.01 }, ranges: [{ begin: 0, end: size }] };
    const exact: ComputeSubject = { ...subject, deterministic: true, clip };
    const port =
      kind === "inline"
        ? createInlineCompute(exact, { memory, modules, now })
        : await startThreadCompute(exact, { owner: "worker-1", memory, modules });
    const gradient = allocate();
    const { loss } = await port.gradient({ epoch: 1, begin: 40, end: 70, parameters, gradient });
    await port.close();
    const expected = expectedGradient(1, 40, 70, "baseline");
    const kernels = instantiateKernels(modules, memory);
    kernels.scale(memory.offsetOf(expected.gradient) ?? 0, size, 0.01 / (Math.hypot(...expected.gradient) + 1e-6));
    expect(loss).toBe(expected.loss);
    // The factor is taken from a norm in float64 here and of float32 blocks there: it may round otherwise.
    memory.floats(gradient, size).forEach((value, i) => {
      const wanted = expected.gradient[i] ?? NaN;
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(2e-7 * Math.abs(wanted));
    });
  });
});

describe.each([
  ["inline", inline],
  ["thread", thread],
] as const)("computing %s", (_name, port) => {
  it("gives the gradient of the batch's samples, bit for bit", async () => {
    const gradient = allocate();
    const computed = await port.gradient({ epoch: 1, begin: 40, end: 70, parameters, gradient });
    const expected = expectedGradient(1, 40, 70);
    expect(computed).toMatchObject({ samples: 30, loss: expected.loss });
    expect(computed.endedAtMs).toBeGreaterThanOrEqual(computed.startedAtMs);
    expect(Math.abs(computed.endedAtMs - now())).toBeLessThan(60_000);
    expect(memory.floats(gradient, size)).toEqual(expected.gradient);
  });

  it("draws the initial values of the seed, also into memory that came later", async () => {
    const room = memory.allocate(memory.memory.buffer.byteLength);
    const last = room.byteOffset + room.byteLength - Math.ceil((size * 4) / 16) * 16;
    await port.initialize(last);
    expect(memory.floats(last, size)).toEqual(memory.floats(parameters, size));
    memory.free(room);
  });

  it("leaves the gradient of an empty batch alone", async () => {
    const gradient = allocate();
    memory.floats(gradient, size).fill(3);
    const computed = await port.gradient({ epoch: 0, begin: 7, end: 7, parameters, gradient });
    expect(computed).toMatchObject({ samples: 0, loss: 0 });
    expect(memory.floats(gradient, 1)[0]).toBe(3);
  });

  it("measures the whole test split, its last partial batch included", async () => {
    const result = await port.evaluate(parameters);
    expect(result.loss).toBeGreaterThan(1);
    expect(result.loss).toBeLessThan(5);
    expect((result.accuracy * test.count) % 1).toBeCloseTo(0, 9);
  });

  it("names a diverged training", async () => {
    const broken = allocate();
    memory.floats(broken, size).fill(Number.NaN);
    const work = { epoch: 0, begin: 0, end: 8, parameters: broken, gradient: allocate() };
    await expect(port.gradient(work)).rejects.toMatchObject({ code: "not_finite" });
    await expect(port.evaluate(broken)).rejects.toMatchObject({ code: "not_finite" });
  });
});

describe("gradient accumulation", () => {
  it("gives the gradient of the whole batch, in less memory and the same bits each time", async () => {
    const sizes = { ...subject, batchSize: 200 };
    expect(computeTaskBytes({ ...sizes, microBatch: 11 })).toBeLessThan(computeTaskBytes(sizes) / 2);
    const wide = createInlineCompute(sizes, { memory, modules, now });
    const cut = createInlineCompute({ ...sizes, microBatch: 11 }, { memory, modules, now });
    const [expected, found, again] = [allocate(), allocate(), allocate()];
    const work = { epoch: 1, begin: 0, end: 200, parameters };
    const one = await wide.gradient({ ...work, gradient: expected });
    const pieces = await cut.gradient({ ...work, gradient: found });
    await cut.gradient({ ...work, gradient: again });
    expect(pieces.samples).toBe(200);
    expect(Math.abs(pieces.loss - one.loss)).toBeLessThan(1e-6 * one.loss);
    // Single precision, sums of 200 terms cut in another way.
    for (const [key, value] of memory.floats(expected, size).entries()) {
      expect(Math.abs((memory.floats(found, size)[key] ?? Number.NaN) - value)).toBeLessThan(1e-6);
    }
    expect(memory.floats(again, size)).toEqual(memory.floats(found, size));
    await Promise.all([wide.close(), cut.close()]);
  });
});

describe("mixed precision", () => {
  it("computes with rounded weights and comes close to float32", async () => {
    const half = createInlineCompute(
      { ...subject, precision: "bfloat16", lossScale: "dynamic" },
      { memory, modules, now },
    );
    const [expected, found] = [allocate(), allocate()];
    const work = { epoch: 1, begin: 0, end: 32, parameters };
    const whole = await inline.gradient({ ...work, gradient: expected });
    const rounded = await half.gradient({ ...work, gradient: found });
    expect(rounded.loss).not.toBe(whole.loss);
    // Weights and activations are off by 2^-9 of themselves.
    expect(Math.abs(rounded.loss - whole.loss)).toBeLessThan(0.01 * whole.loss);
    await half.close();
  });
});

describe("a compute port", () => {
  const startThread = (): Promise<ComputePort> => startThreadCompute(subject, { owner: "worker-1", memory, modules });
  const startInline = async (): Promise<ComputePort> =>
    Promise.resolve(createInlineCompute(subject, { memory, modules, now }));

  it.each([
    ["inline", startInline],
    ["thread", startThread],
  ] as const)("(%s) frees its memory and cancels its calls when it is closed", async (_kind, start) => {
    const before = memory.allocatedBytes;
    const port = await start();
    expect(memory.allocatedBytes).toBeGreaterThan(before);
    await port.close();
    await port.close();
    expect(memory.allocatedBytes).toBe(before);
    await expect(port.evaluate(parameters)).rejects.toMatchObject({ code: "cancelled" });
  });

  it("ends a thread in the middle of a computation within a second", async () => {
    const port = await startThread();
    const evaluations = Array.from({ length: 200 }, () => port.evaluate(parameters));
    const outcomes = Promise.allSettled(evaluations);
    await evaluations[0];
    const from = now();
    await port.close();
    expect(now() - from).toBeLessThan(1000);
    expect((await outcomes).at(-1)).toMatchObject({ status: "rejected", reason: { code: "cancelled" } });
  });

  it("reports a crash of its thread and names it", async () => {
    const broken = { ...subject, model: { ...model, inputs: -1 } };
    await expect(startThreadCompute(broken, { owner: "worker-7", memory, modules })).rejects.toThrow();
    const crashing = { ...subject, train: undefined as unknown as Split };
    await expect(startThreadCompute(crashing, { owner: "worker-7", memory, modules })).rejects.toThrow(
      /compute thread of worker-7 crashed/,
    );
  });
});
