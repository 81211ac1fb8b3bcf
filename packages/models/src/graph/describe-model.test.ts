import { describe, expect, it } from "vitest";
import { planBytes } from "../plan/plan-bytes.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { describeModel } from "./describe-model.ts";

const spec = parseModelSpec({
  inputs: 784,
  layers: [
    { type: "dense", outputs: 16, activation: "relu", frozen: true },
    { type: "residual", name: "branch", layers: [{ type: "dense", outputs: 16 }] },
    { type: "dense", outputs: 10, bias: false },
  ],
  loss: { type: "softmax_cross_entropy" },
});

describe("describeModel", () => {
  it("lists layers with shapes, parameters, operations and bytes", () => {
    const model = describeModel(spec, 64);
    expect(model.inputs).toEqual([{ name: "input", shape: { kind: "floats", shape: [784] } }]);
    expect(
      model.layers.map(({ name, from, parameters, flops, bytes, frozen }) => [
        name,
        from,
        parameters,
        flops,
        bytes,
        frozen,
      ]),
    ).toEqual([
      ["0", ["input"], 784 * 16 + 16, 2 * 784 * 16 + 2 * 16, 64 * 16 * 4, true],
      ["branch.0", ["0"], 16 * 16 + 16, 2 * 16 * 16 + 16, 64 * 16 * 4, false],
      ["branch.1", ["0", "branch.0"], 0, 16, 64 * 16 * 4, false],
      ["2", ["branch.1"], 160, 2 * 160, 64 * 10 * 4, false],
    ]);
    expect(model.outputs).toEqual([
      { name: "output", shape: { kind: "floats", shape: [10] }, loss: { type: "softmax_cross_entropy" } },
    ]);
    expect(model.parameters).toBe(784 * 16 + 16 + 272 + 160);
    expect(model.trainedParameters).toBe(272 + 160);
    expect(model.parameterBytes).toBe(4 * model.parameters);
    expect(model.planBytes).toBe(planBytes(spec, 64));
    expect(() => describeModel(spec, 0)).toThrow("batchSize must be a positive integer, got 0");
  });
});
