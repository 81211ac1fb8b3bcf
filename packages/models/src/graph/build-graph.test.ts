import { describe, expect, it } from "vitest";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { buildGraph } from "./build-graph.ts";

const loss = { type: "mean_squared_error" } as const;
const dense = (outputs: number, other: object = {}): object => ({ type: "dense", outputs, ...other });
const parse = (inputs: unknown, layers: unknown, losses: unknown = loss): ReturnType<typeof parseModelSpec> =>
  parseModelSpec({ inputs, layers, loss: losses });

describe("the graph of a model", () => {
  it("names parameters by the layers they are in", () => {
    const layers = [
      dense(8, { name: "blocks.0" }),
      { type: "residual", layers: [dense(8), { type: "activation", function: "tanh" }, dense(8, { name: "out" })] },
      {
        type: "residual",
        name: "tail",
        frozen: true,
        layers: [{ type: "residual", layers: [dense(8, { bias: false })] }],
      },
    ];
    const { layout, nodes } = buildGraph(parse(4, layers));
    expect(layout.segments.map(({ name, frozen }) => [name, frozen])).toEqual([
      ["blocks.0.weight", false],
      ["blocks.0.bias", false],
      ["1.0.weight", false],
      ["1.0.bias", false],
      ["1.out.weight", false],
      ["1.out.bias", false],
      ["tail.0.0.weight", true],
    ]);
    expect(nodes.map(({ label }) => label).slice(0, 3)).toEqual([
      "layer 0 (dense)",
      "layer 1 (residual) > layer 0 (dense)",
      "layer 1 (residual) > layer 1 (activation)",
    ]);
  });

  it("lets layers read inputs and layers by their names, and gives several outputs", () => {
    const layers = [
      dense(8, { name: "left", from: "pixels" }),
      dense(8, { name: "right", from: "numbers" }),
      { type: "concatenate", name: "both", from: ["left", "right"] },
      dense(3, { name: "class" }),
      dense(1, { name: "size", from: "both" }),
    ];
    const inputs = { pixels: { shape: [2, 3] }, numbers: { shape: [5] } };
    const spec = parse({ ...inputs, pixels: { shape: [6] } }, layers, {
      class: { type: "softmax_cross_entropy" },
      size: { type: "huber", weight: 0.5 },
    });
    const { outputs, values } = buildGraph(spec);
    expect(outputs.map(({ name, value }) => [name, values[value]?.shape])).toEqual([
      ["class", { kind: "floats", shape: [3] }],
      ["size", { kind: "floats", shape: [1] }],
    ]);
    // On a value with several axes a dense layer works along the last one: one shape too many to be joined.
    expect(() => parse(inputs, layers, { class: loss, size: loss })).toThrow(
      "layer 2 (concatenate): expects inputs that differ in their last axis only, gets 2×8 and 8",
    );
  });

  it.each([
    [4, [dense(8), dense(2, { inputs: 16 })], "model.layers[1]: layer 1 (dense): expects 16 inputs, gets 8"],
    [
      4,
      [{ type: "residual", layers: [dense(3), dense(4, { inputs: 5 })] }],
      "layer 0 (residual) > layer 1 (dense): expects 5 inputs, gets 3",
    ],
    [4, [{ type: "residual", layers: [dense(3)] }], "layer 1 (add): expects inputs of one shape, gets 4 and 3"],
    [4, [dense(3, { from: "nowhere" })], 'layer 0 (dense): nothing before it is called "nowhere"'],
    [4, [dense(3, { from: "^" })], 'layer 0 (dense): nothing before it is called "^"'],
    [4, [dense(3, { name: "input" })], 'layer 0 (dense): another layer is called "input" already'],
    [4, [dense(3), dense(3, { from: "input" })], "layer 0 (dense): nothing reads its result and it has no loss"],
    [
      { a: { shape: [2] }, b: { shape: [2] } },
      [dense(3)],
      "layer 0 (dense): say which of the inputs it reads (from): a, b",
    ],
    [{ a: { shape: [2] }, b: { shape: [2] } }, [dense(3, { from: "a" })], 'no layer reads the input "b"'],
    [{ tokens: 8, vocabulary: 5 }, [dense(3)], "layer 0 (dense): expects numbers, gets 8 tokens of 5"],
    [4, [{ type: "add" }, dense(3)], "layer 0 (add): expects two or more inputs (from), gets 1"],
    [4, [dense(3, { frozen: true })], "expected at least one layer with parameters that are not frozen"],
    [{ shape: [8192, 8] }, [dense(4096)], "layer 0 (dense): its result has 8192×4096 elements, at most 16777216"],
    [{ shape: [] }, [dense(3)], "model.inputs.shape: expected a list of 1 to 8 positive integers, got []"],
    [{ a: { shape: [0] } }, [dense(3)], "model.inputs.a.shape[0]: expected a positive integer, got 0"],
    [{ a: { size: 4 } }, [dense(3)], "model.inputs.a: expected an object with shape, or with tokens"],
    ["784", [dense(3)], 'model.inputs: expected a positive integer, got "784"'],
  ])("of inputs %j and layers %j is refused with a sentence", (inputs, layers, sentence) => {
    expect(() => parse(inputs, layers)).toThrow(sentence);
  });

  it("refuses losses that do not fit", () => {
    expect(() => parse(4, [dense(3, { name: "a" })], { b: loss })).toThrow('model.loss.b: no layer is called "b"');
    expect(() => parse(4, [dense(3)], { input: loss })).toThrow('no layer is called "input"');
    expect(() => parse(4, [dense(3, { name: "a" })], { a: { type: "huber", delta: -1 } })).toThrow(
      "model.loss.a.delta: expected a positive number, got -1",
    );
    expect(() => parse(4, [dense(3, { name: "a" })], { a: { ...loss, weight: 0 } })).toThrow("model.loss.a.weight");
    expect(() => parse(4, [dense(3, { name: "a" })], {})).toThrow("model.loss.type: expected softmax_cross_entropy, ");
  });

  it("refuses layers that stand in each other too deep", () => {
    let layer = dense(4);
    for (let depth = 0; depth < 5_000; depth += 1) layer = { type: "residual", layers: [layer] };
    expect(() => parse(4, [layer])).toThrow("layers stand in each other at most 16 deep");
  });
});
