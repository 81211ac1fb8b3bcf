import { describe, expect, it } from "vitest";
import { kernelFixture } from "../../../../test/support/model-kernels.ts";
import { compile } from "../plan/compile.ts";
import type { Plan } from "../plan/plan.ts";
import type { LossSpec } from "../spec/model-spec.ts";
import { checkDatasetFits } from "./check-dataset.ts";
import type { Split } from "./dataset.ts";
import { fillBatch } from "./fill-batch.ts";

const bytes: Split = {
  count: 3,
  features: 2,
  inputs: Uint8Array.of(0, 10, 20, 30, 40, 50),
  scale: 0.5,
  shift: 10,
  labels: Int32Array.of(2, 0, 1),
  targets: undefined,
};
const order = Uint32Array.of(2, 0, 1);

describe("fillBatch", async () => {
  const { kernels, memory } = await kernelFixture();
  const planFor = (outputs: number, loss: LossSpec): Plan =>
    compile({ inputs: 2, layers: [{ type: "dense", outputs }], loss }, { batchSize: 2, kernels, memory });

  it("gathers bytes in the given order and scales them", () => {
    const plan = planFor(3, { type: "softmax_cross_entropy" });
    expect(fillBatch(bytes, order, 0, 2, plan)).toBe(2);
    expect([...plan.inputs]).toEqual([15, 20, -5, 0]);
    expect([...plan.labels]).toEqual([1, 2]);
    expect(fillBatch(bytes, order, 2, 3, plan)).toBe(1);
    expect([...plan.inputs]).toEqual([5, 10, -5, 0]);
    expect(fillBatch(bytes, order, 3, 3, plan)).toBe(0);
  });

  it("copies floats as they are", () => {
    const floats: Split = { ...bytes, inputs: Float32Array.of(1, 2, 3, 4, 5, 6), targets: Float32Array.of(0.5, 1, 2) };
    const plan = planFor(1, { type: "mean_squared_error" });
    fillBatch(floats, order, 0, 2, plan);
    expect([...plan.inputs]).toEqual([5, 6, 1, 2]);
    expect([...plan.targets]).toEqual([2, 0.5]);
  });

  it("gives a binary model its label and a wider one a target for each class", () => {
    const one = planFor(1, { type: "binary_cross_entropy" });
    fillBatch({ ...bytes, labels: Int32Array.of(1, 0, 1) }, order, 1, 3, one);
    expect([...one.targets]).toEqual([1, 0]);
    const wide = planFor(3, { type: "mean_squared_error" });
    fillBatch(bytes, order, 0, 2, wide);
    fillBatch(bytes, order, 1, 3, wide);
    expect([...wide.targets]).toEqual([0, 0, 1, 1, 0, 0]);
  });

  it("refuses more rows than the plan takes", () => {
    const plan = planFor(3, { type: "softmax_cross_entropy" });
    expect(() => fillBatch(bytes, order, 0, 3, plan)).toThrow("a batch of 3 rows does not fit a plan for 2");
    expect(() => fillBatch(bytes, order, 2, 1, plan)).toThrow(RangeError);
  });
});

describe("checkDatasetFits", () => {
  const digits = { name: "digits", features: 784, classes: 10 };
  const fits =
    (outputs: number, loss: LossSpec, dataset = digits, inputs = 784) =>
    (): void =>
      checkDatasetFits({ inputs, layers: [{ type: "dense", outputs }], loss }, dataset);

  it("lets a model through that matches its data", () => {
    expect(fits(10, { type: "softmax_cross_entropy" })).not.toThrow();
    expect(fits(10, { type: "mean_squared_error" })).not.toThrow();
    expect(fits(1, { type: "binary_cross_entropy" }, { ...digits, classes: 2 })).not.toThrow();
    expect(fits(1, { type: "huber" }, { ...digits, classes: 0 })).not.toThrow();
  });

  it("says which of widths, classes and loss does not fit", () => {
    const softmax: LossSpec = { type: "softmax_cross_entropy" };
    expect(fits(10, softmax, digits, 28)).toThrow(
      "model.inputs: expected 784, the features of a sample of digits, got 28",
    );
    expect(fits(9, softmax)).toThrow("model.layers: expected at least 10 outputs, the classes of digits, got 9");
    expect(fits(2, softmax, { ...digits, classes: 0 })).toThrow("digits has numbers to predict");
    expect(fits(3, { type: "huber" })).toThrow("model.layers: expected 10 outputs");
  });
});
