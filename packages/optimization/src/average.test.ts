import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import { expect, test } from "vitest";
import { createOptimizer } from "./create-optimizer.ts";
import { parseOptimizerSpec } from "./optimizer-spec.ts";
import { withWeightDecay } from "./rule-of.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);

function mixed(values: readonly number[], model: readonly number[], share: number): number[] {
  const size = values.length;
  const [w, x] = [memory.allocate(size * 4), memory.allocate(size * 4)];
  memory.floats(w.byteOffset, size).set(values);
  memory.floats(x.byteOffset, size).set(model);
  createOptimizer({ name: "average" }, { size, kernels, memory }).step(w.byteOffset, x.byteOffset, share);
  return [...memory.floats(w.byteOffset, size)];
}

test("averaging moves each value its share of the way to the pushed model's", () => {
  expect(mixed([0, 8, -4], [4, 0, 4], 0.25)).toEqual([1, 6, -2]);
});

test("averaging with share 1 takes the model over, with share 0 nothing, bit for bit", () => {
  expect(mixed([0.1, -7, 3], [1 / 3, 0.2, -1], 1)).toEqual([...Float32Array.of(1 / 3, 0.2, -1)]);
  expect(mixed([0.1, -7, 3], [1 / 3, 0.2, -1], 0)).toEqual([...Float32Array.of(0.1, -7, 3)]);
});

test("a share beyond 1 and a weight decay are refused", () => {
  expect(() => parseOptimizerSpec({ name: "average", learningRate: 1.1 })).toThrow("optimizer.learningRate");
  expect(() => withWeightDecay({ name: "average" }, 0.1)).toThrow("average has no weight decay");
});
