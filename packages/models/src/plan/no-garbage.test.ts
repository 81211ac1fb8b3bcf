import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { kernelFixture } from "../../../../test/support/model-kernels.ts";
import { noDraw } from "../../../../test/support/plan-places.ts";
import type { LayerSpec } from "../spec/model-spec.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { compile } from "./compile.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const steps = 2_000;
/**
 * What a step may leave on the heap: the losses, as numbers in boxes of 16 bytes wherever the engine passes one from
 * function to function. A view takes 100 bytes, an iterator or an object for each stage would be seen in the deep model.
 */
const boxesBytes = 240;

function modelOf(branches: number): ReturnType<typeof parseModelSpec> {
  const branch = (_: unknown, index: number): LayerSpec => ({
    type: "residual",
    name: `branch${index}`,
    layers: [{ type: "dense", outputs: 16, activation: index % 2 === 0 ? "relu" : "gelu" }],
  });
  return parseModelSpec({
    inputs: { pixels: { shape: [20] }, numbers: { shape: [3] } },
    layers: [
      { type: "dense", outputs: 16, from: "pixels" },
      ...Array.from({ length: branches }, branch),
      { type: "concatenate", from: [`branch${branches - 1}`, "numbers"] },
      { type: "dense", outputs: 4, name: "class" },
      { type: "dense", outputs: 2, name: "size", from: "branch0" },
    ],
    loss: { class: { type: "softmax_cross_entropy" }, size: { type: "huber", weight: 0.5 } },
  });
}

describe("a step of a plan", async () => {
  const { kernels, memory } = await kernelFixture();

  it.each([1, 24])("allocates nothing, with %i branches", (branches) => {
    const plan = compile(modelOf(branches), { batchSize: 8, kernels, memory });
    const parameters = memory.allocate(plan.layout.size * 4).byteOffset;
    const gradient = memory.allocate(plan.layout.size * 4).byteOffset;
    const run = (): number => {
      let sum = 0;
      for (let step = 0; step < steps; step += 1) sum += plan.gradient(parameters, gradient, 8, noDraw);
      return sum;
    };
    // The first runs compile; what they leave behind is not the step's.
    for (let warming = 0; warming < 5; warming += 1) run();
    collect();
    const before = process.memoryUsage().heapUsed;
    run();
    const grown = process.memoryUsage().heapUsed - before;
    expect(grown / steps).toBeLessThan(boxesBytes);
  });
});
