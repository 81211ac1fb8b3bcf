import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKernelMemory, loadKernelModules } from "@shoal/kernels-wasm";
import { generateDigits, initializeParameters, layoutOf, type ModelSpec, type Split } from "@shoal/models";
import { afterAll, beforeAll, expect, it } from "vitest";
import { denseInput } from "../../../../test/support/columns.ts";
import { startThreadCompute } from "./thread-compute.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-compute-"));
});
afterAll(() => rm(folder, { recursive: true }));

const model: ModelSpec = {
  inputs: 784,
  layers: [{ type: "dense", outputs: 10 }],
  loss: { type: "softmax_cross_entropy" },
};

/** The same samples with their pixels in a file. */
async function stored(split: Split): Promise<Split> {
  const { values, width, scale, shift } = denseInput(split);
  const file = join(folder, "pixels.records");
  await writeFile(file, values.slice());
  const content = { kind: "bytes", width, scale, shift } as const;
  return { ...split, inputs: { input: { kind: "stored", file, recordBytes: width, begin: 0, at: 0, content } } };
}

it("computes the same bits from samples in a file, in a thread", async () => {
  const { train, test } = generateDigits({ samples: 90, testSamples: 40 });
  const memory = createKernelMemory();
  const modules = await loadKernelModules();
  const { size } = layoutOf(model);
  const allocate = (): number => memory.allocate(size * 4).byteOffset;
  const [parameters, first, second] = [allocate(), allocate(), allocate()];
  initializeParameters(model, 1, memory.floats(parameters, size));
  const subject = { model, seed: 1, batchSize: 16, train, test };
  const resident = await startThreadCompute(subject, { owner: "worker-1", memory, modules });
  const reading = await startThreadCompute(
    { ...subject, train: await stored(train) },
    { owner: "worker-2", memory, modules },
  );
  const work = { epoch: 1, begin: 20, end: 36, parameters };
  const { loss } = await resident.gradient({ ...work, gradient: first });
  expect(await reading.gradient({ ...work, gradient: second })).toMatchObject({ loss, samples: 16 });
  expect(memory.floats(second, size)).toEqual(memory.floats(first, size));
  await rm(join(folder, "pixels.records"));
  // The thread keeps the file open: whoever removes it takes nothing from a run that has begun.
  expect(await reading.gradient({ ...work, gradient: second })).toMatchObject({ loss });
  await Promise.all([resident.close(), reading.close()]);
});
