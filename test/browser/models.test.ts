import {
  compile,
  createBatchFiller,
  decodeModelFile,
  encodeModelFile,
  generateDigits,
  initializeParameters,
  type Split,
} from "@shoal/models";
import { expect, it } from "vitest";
import { edgeModel } from "../support/edge-scenario.ts";
import { kernelFixture } from "../support/model-kernels.ts";

const { train } = generateDigits({ samples: 40, testSamples: 1 });
const order = Uint32Array.from({ length: 40 }, (_, index) => 39 - index);

async function gradientOf(split: Split, shared: boolean): Promise<Float32Array> {
  const { kernels, memory } = await kernelFixture("auto", shared);
  const plan = compile(edgeModel, { batchSize: 40, kernels, memory });
  const vector = (): number => memory.allocate(plan.layout.size * 4).byteOffset;
  const [parameters, gradient] = [vector(), vector()];
  initializeParameters(edgeModel, 1, memory.floats(parameters, plan.layout.size));
  const rows = createBatchFiller(split, plan).fill(order, 0, 40);
  plan.gradient(parameters, gradient, rows, { seed: 1, epoch: 0, first: 0 });
  return memory.floats(gradient, plan.layout.size).slice();
}

it("computes the same gradient in shared and in private memory", async () => {
  const shared = await gradientOf(train, true);
  expect(shared.some((value) => value !== 0)).toBe(true);
  expect(await gradientOf(train, false)).toEqual(shared);
});

it("keeps the arrays of a data set on memory that threads share", () => {
  const { input } = train.inputs;
  if (input?.kind !== "dense") throw new Error("digits have dense inputs");
  expect(input.values.buffer).toBeInstanceOf(SharedArrayBuffer);
});

it("writes and reads model files, also from shared memory", async () => {
  const parameters = await gradientOf(train, true);
  const bytes = encodeModelFile(edgeModel, parameters, { run: "in a page" });
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const file = decodeModelFile(shared);
  expect(file.spec).toEqual(edgeModel);
  expect(file.metadata).toEqual({ run: "in a page" });
  expect(file.parameters).toEqual(parameters);
});
