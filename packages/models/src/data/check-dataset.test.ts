import { describe, expect, it } from "vitest";
import type { LossSpec } from "../spec/model-spec.ts";
import { checkDatasetFits } from "./check-dataset.ts";
import type { ColumnShape, DatasetShape } from "./column-shape.ts";

const withTarget = (output: ColumnShape, input: ColumnShape = { kind: "floats", width: 784 }): DatasetShape => ({
  name: "digits",
  inputs: { input },
  targets: { output },
});
const ten = withTarget({ kind: "labels", classes: 10 });
const fits =
  (outputs: number, loss: LossSpec, dataset = ten, inputs = 784) =>
  (): void =>
    checkDatasetFits({ inputs, layers: [{ type: "dense", outputs }], loss }, dataset);

describe("checkDatasetFits", () => {
  it("lets a model through that matches its data", () => {
    expect(fits(10, { type: "softmax_cross_entropy" })).not.toThrow();
    expect(fits(10, { type: "mean_squared_error" })).not.toThrow();
    expect(fits(1, { type: "binary_cross_entropy" }, withTarget({ kind: "labels", classes: 2 }))).not.toThrow();
    expect(fits(1, { type: "huber" }, withTarget({ kind: "floats", width: 1 }))).not.toThrow();
    const spread = withTarget({ kind: "labels", classes: 10 }, { kind: "sparse", features: 784, active: 9 });
    expect(fits(10, { type: "softmax_cross_entropy" }, spread)).not.toThrow();
  });

  it("says which of widths, classes and loss does not fit", () => {
    const softmax: LossSpec = { type: "softmax_cross_entropy" };
    expect(fits(10, softmax, ten, 28)).toThrow(
      "model.inputs: expected 784, the features of a sample of digits, got 28",
    );
    expect(fits(9, softmax)).toThrow("model.layers: expected at least 10 outputs, the classes of digits, got 9");
    const numbers = withTarget({ kind: "floats", width: 3 });
    expect(fits(2, softmax, numbers)).toThrow("model.loss.type: digits has numbers to predict");
    expect(fits(2, { type: "huber" }, numbers)).toThrow("model.layers: expected 3 outputs");
    expect(fits(3, { type: "huber" })).toThrow("model.layers: expected 10 outputs");
    const text = withTarget({ kind: "labels", classes: 10 }, { kind: "tokens", length: 8, vocabulary: 65 });
    expect(fits(10, softmax, text)).toThrow("model.inputs: expected 8 tokens of 65, a sample of digits, got numbers");
  });
});
