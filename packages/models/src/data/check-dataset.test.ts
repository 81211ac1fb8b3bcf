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
    const rows = withTarget({ kind: "labels", classes: 2 }, { kind: "sparse", features: 200, active: 20 });
    const sparse = (features: number, active: number) => () =>
      checkDatasetFits(
        {
          inputs: { features, active },
          layers: [{ type: "sparse_dense", outputs: 1 }],
          loss: { type: "binary_cross_entropy" },
        },
        rows,
      );
    expect(sparse(200, 20)).not.toThrow();
    expect(sparse(199, 20)).toThrow("model.inputs: expected at least 200 features, those of digits, got 199");
    expect(sparse(300, 19)).toThrow("expected at least 20 active features, the most of a sample of digits, got 19");
    const text = withTarget({ kind: "labels", classes: 10 }, { kind: "tokens", length: 8, vocabulary: 65 });
    expect(fits(10, softmax, text)).toThrow("model.inputs: expected 8 tokens of 65, a sample of digits, got numbers");
  });

  it("asks for one row of logits where a sample has one class", () => {
    const image = (...between: { type: "flatten" }[]) => {
      const inputs = { shape: [1, 28, 28] } as const;
      const layers = [...between, { type: "dense", outputs: 10 } as const];
      return () => checkDatasetFits({ inputs, layers, loss: { type: "softmax_cross_entropy" } }, ten);
    };
    expect(image()).toThrow("expected one row of outputs for the class of a sample of digits, got 28 (1×28×10)");
    expect(image({ type: "flatten" })).not.toThrow();
  });

  it("pairs several inputs and outputs by name", () => {
    const number: ColumnShape = { kind: "floats", width: 1 };
    const dataset: DatasetShape = {
      name: "houses",
      inputs: { house: { kind: "floats", width: 3 }, place: { kind: "floats", width: 2 } },
      targets: { price: number, sold: { kind: "labels", classes: 2 } },
    };
    const check =
      (loss: Readonly<Record<string, LossSpec>>, place = 2, given = dataset) =>
      () =>
        checkDatasetFits(
          {
            inputs: { house: { shape: [3] }, place: { shape: [place] } },
            layers: [
              { type: "concatenate", name: "all", from: ["house", "place"] },
              { type: "dense", name: "price", outputs: 1, from: "all" },
              { type: "dense", name: "sold", outputs: 2, from: "all" },
            ],
            loss,
          },
          given,
        );
    const both = { price: { type: "huber" }, sold: { type: "softmax_cross_entropy" } } as const;
    expect(check(both)).not.toThrow();
    expect(check(both, 4)).toThrow("model.inputs.place: expected 2, the features of a sample of houses, got 4");
    const swapped = { price: { type: "huber" }, sold: { type: "huber" } } as const;
    const wide = { ...dataset, targets: { ...dataset.targets, sold: { kind: "floats", width: 3 } as const } };
    expect(check(swapped, 2, wide)).toThrow(
      "model.layers: output sold: expected 3 outputs, the targets of houses, got 2",
    );
  });
});
