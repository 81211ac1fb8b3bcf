import { describe, expect, it } from "vitest";
import { kernelFixture } from "../../../../test/support/model-kernels.ts";
import { floatsOf, labelsOf, noDraw, numbersOf } from "../../../../test/support/plan-places.ts";
import { initializeParameters } from "../spec/initialize-parameters.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { compile, type CompileOptions } from "./compile.ts";
import type { Plan } from "./plan.ts";

const rows = 6;

/** A shortcut, a frozen layer, running statistics, and an output in the middle. */
const tangled = parseModelSpec({
  inputs: { input: { shape: [5] } },
  layers: [
    { type: "dense", outputs: 8, name: "first", activation: "relu" },
    { type: "batch_norm" },
    { type: "dense", outputs: 8, frozen: true, activation: "tanh", name: "still" },
    { type: "residual", name: "around", layers: [{ type: "dense", outputs: 8, activation: "gelu" }] },
    { type: "dense", outputs: 3, name: "class" },
    { type: "dense", outputs: 2, name: "size", from: "still" },
  ],
  loss: { class: { type: "softmax_cross_entropy" }, size: { type: "mean_squared_error" } },
});

describe("the gates of a plan", async () => {
  const { kernels, memory } = await kernelFixture();
  const vector = (plan: Plan): { readonly at: number; readonly values: Float32Array } => {
    const at = memory.allocate(plan.layout.size * 4).byteOffset;
    return { at, values: memory.floats(at, plan.layout.size) };
  };
  const scene = (options: Partial<CompileOptions> = {}) => {
    const plan = compile(tangled, { batchSize: rows, kernels, memory, ...options });
    floatsOf(plan).forEach((_, index, all) => void (all[index] = Math.sin(index)));
    numbersOf(plan, "size").forEach((_, index, all) => void (all[index] = Math.cos(index)));
    labelsOf(plan, "class").forEach((_, index, all) => void (all[index] = index % 3));
    const [parameters, gradient] = [vector(plan), vector(plan)];
    initializeParameters(tangled, 1, parameters.values);
    return { plan, parameters, gradient };
  };

  it("ask for parameters before they are read, and tell a part of the gradient when it is final", () => {
    const { plan, parameters, gradient } = scene();
    const loss = plan.gradient(parameters.at, gradient.at, rows, noDraw);
    const expected = gradient.values.slice();

    const arriving = vector(plan);
    arriving.values.fill(Number.NaN);
    gradient.values.fill(Number.NaN);
    const events: string[] = [];
    const gated = plan.gradient(arriving.at, gradient.at, rows, noDraw, {
      need(end) {
        arriving.values.set(parameters.values.subarray(0, end));
        events.push(`need ${end}`);
      },
      final(begin) {
        expect(gradient.values.subarray(begin)).toEqual(expected.subarray(begin)); // no tolerance: the same bits
        events.push(`final ${begin}`);
      },
    });
    expect(gated).toBe(loss);
    expect(gradient.values).toEqual(expected);
    // 48 + 32 (batch norm) + 72 (frozen) + 72 + 27 + 18 parameters.
    expect(events.filter((event, index) => event !== events[index - 1])).toEqual([
      "need 48",
      "need 80",
      "need 152",
      "need 224",
      "need 251",
      "need 269",
      "final 251",
      "final 224",
      "final 80",
      "final 48",
      "final 0",
    ]);
  });

  it("tell nothing of a gradient that is still to be multiplied, or whose loss is not finite", () => {
    const told: number[] = [];
    const gates = { need: () => undefined, final: (begin: number) => void told.push(begin) };
    const scaled = scene({ lossScale: 128 });
    scaled.plan.gradient(scaled.parameters.at, scaled.gradient.at, rows, noDraw, gates);
    const broken = scene();
    broken.parameters.values.fill(Number.NaN);
    expect(broken.plan.gradient(broken.parameters.at, broken.gradient.at, rows, noDraw, gates)).toBeNaN();
    expect(told).toEqual([]);
  });
});
