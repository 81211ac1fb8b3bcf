import { describe, expect, it } from "vitest";
import { parseModelSpec } from "./parse-model-spec.ts";

const loss = { type: "softmax_cross_entropy" };
const parse = (layers: unknown, other: object = {}): unknown => parseModelSpec({ inputs: 4, layers, loss, ...other });
const dense = (outputs: number, other: object = {}): object => ({ type: "dense", outputs, ...other });

describe("parseModelSpec", () => {
  it("keeps a valid model as it is", () => {
    const spec = {
      inputs: 784,
      layers: [
        dense(256, { activation: "relu", name: "hidden" }),
        { type: "activation", function: "tanh" },
        dense(10, { bias: false }),
      ],
      loss: { type: "softmax_cross_entropy", smoothing: 0.1 },
    };
    expect(parseModelSpec(spec)).toEqual(spec);
    expect(parseModelSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  it.each([
    [[dense(-3)], "model.layers[0].outputs: expected a positive integer, got -3"],
    [[dense(2.5)], "model.layers[0].outputs: expected a positive integer, got 2.5"],
    [[dense(8, { activation: "rulu" })], "model.layers[0].activation: expected one of identity, relu, tanh, sigmoid"],
    [[{ type: "conv" }], "model.layers[0].type: expected one of dense, activation, "],
    [[dense(3, { output: 2 })], "model.layers[0]: unknown field output"],
    [[{ type: "dense", output: 2 }], "model.layers[0]: unknown field output"],
    [[], "model.layers: expected a list of 1 to 1024 layers, got []"],
    ["dense", 'model.layers: expected a list of 1 to 1024 layers, got "dense"'],
    [[{ type: "activation", function: "relu" }], "model.layers: expected at least one layer with parameters"],
    [[dense(1)], "layer 0 (dense): softmax_cross_entropy needs at least 2 outputs"],
    [[dense(2 ** 20), dense(2 ** 20)], "layer 1 (dense): with its 1048576×1048576 weight the model has"],
    [[dense(3, { name: "a" }), dense(3, { name: "a" })], 'layer 1 (dense): another layer is called "a" already'],
    [[dense(3, { name: "1" })], "model.layers[0].name: expected a name of 1 to 64"],
  ])("says what is wrong with %j", (layers, sentence) => {
    expect(() => parse(layers)).toThrow(sentence);
  });

  it("checks the loss", () => {
    const huber = (delta: unknown): unknown => parse([dense(1)], { loss: { type: "huber", delta } });
    expect(() => huber(0)).toThrow("model.loss.delta: expected a positive number, got 0");
    expect(() => huber(Number.NaN)).toThrow("model.loss.delta: expected a positive number, got NaN");
    expect(() => parse([dense(2)], { loss: { type: "softmax_cross_entropy", smoothing: 1 } })).toThrow("[0, 1)");
    expect(() => parse([dense(2)], { loss: "mse" })).toThrow("model.loss: expected softmax_cross_entropy, ");
  });

  it("names the path in the details, under the root it was given", () => {
    expect(() => parseModelSpec({ inputs: 4, layers: [dense(0)], loss }, "job.model")).toThrow(
      expect.objectContaining({ code: "invalid_argument", details: { path: "job.model.layers[0].outputs" } }),
    );
    expect(() => parseModelSpec(null)).toThrow("model: expected an object with inputs, layers and loss, got null");
  });
});
