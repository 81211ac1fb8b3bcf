import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlanTarget } from "../plan/plan-inputs.ts";
import type { LossSpec, ModelSpec } from "../spec/model-spec.ts";
import { createMetrics, metricKeys } from "./model-metrics.ts";

const cross: LossSpec = { type: "softmax_cross_entropy" };
const binary: LossSpec = { type: "binary_cross_entropy" };

function modelOf(loss: ModelSpec["loss"], outputs: number, inputs: ModelSpec["inputs"] = 3): ModelSpec {
  return { inputs, layers: [{ type: "dense", outputs, name: "last" }], loss };
}

function labels(classes: number, ...values: readonly number[]): PlanTarget {
  return { kind: "labels", length: 1, classes, labels: Int32Array.from(values) };
}

function numbers(width: number, ...values: readonly number[]): PlanTarget {
  return { kind: "numbers", width, numbers: Float32Array.from(values) };
}

function measure(
  model: ModelSpec,
  names: readonly string[] | null,
  outputs: readonly number[],
  target: PlanTarget,
  rows: number,
): Readonly<Record<string, number>> {
  const metrics = createMetrics(model, names);
  metrics.add({ output: Float32Array.from(outputs) }, { output: target }, rows);
  return metrics.values();
}

describe("metrics", () => {
  it("count the rows whose greatest logit is the label's, the first of equal ones", () => {
    const logits = [1, 3, 2, /**/ 5, 5, 0, /**/ 5, 5, 0, /**/ -3, -2, -1];
    const values = measure(modelOf(cross, 3), ["accuracy", "top_2"], logits, labels(3, 1, 0, 1, 0), 4);
    expect(values).toEqual({ accuracy: 0.5, top_2: 0.75 });
  });

  it("take the sign of one logit, or the greatest of several targets", () => {
    expect(measure(modelOf(binary, 1), ["accuracy"], [0.1, -2, 3], numbers(1, 1, 0, 0), 3)).toEqual({
      accuracy: 2 / 3,
    });
    expect(measure(modelOf(binary, 2), ["accuracy"], [1, 2, 2, 1], numbers(2, 0, 1, 0, 1), 2)).toEqual({
      accuracy: 0.5,
    });
  });

  it("rank pairs for the AUC, ties by one half, whatever the cut into batches", () => {
    const score = fc.integer({ min: -4, max: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(score, fc.boolean()), { minLength: 1, maxLength: 40 }), fc.nat(40), (rows, cut) => {
        const metrics = createMetrics(modelOf(binary, 1), ["auc"]);
        for (const part of [rows.slice(0, cut), rows.slice(cut)]) {
          const target = numbers(1, ...part.map(([, positive]) => Number(positive)));
          metrics.add({ output: Float32Array.from(part, ([value]) => value) }, { output: target }, part.length);
        }
        const positive = rows.filter(([, yes]) => yes);
        const negative = rows.filter(([, yes]) => !yes);
        const won = positive.flatMap(([left]) =>
          negative.map(([right]) => (left > right ? 1 : left === right ? 0.5 : 0)),
        );
        const sum = won.reduce<number>((total, each) => total + each, 0);
        // Halves of whole numbers: exact.
        expect(metrics.values()).toEqual(won.length === 0 ? {} : { auc: sum / won.length });
      }),
    );
  });

  it("rank two classes by the difference of their logits", () => {
    const logits = [0, 1, /**/ 5, 4, /**/ 2, 2.5];
    expect(measure(modelOf(cross, 2), null, logits, labels(2, 1, 0, 0), 3)).toEqual({ accuracy: 2 / 3, auc: 1 });
  });

  it("measure nats and perplexity with logits of ±200 too", () => {
    const values = measure(modelOf(cross, 2), ["log_loss", "perplexity"], [200, -200, 0, 0], labels(2, 0, 1), 2);
    // One row is certain, the other undecided between two: (0 + ln 2) / 2, in float64.
    expect(values["log_loss"]).toBeCloseTo(Math.LN2 / 2, 12);
    expect(values["perplexity"]).toBeCloseTo(Math.SQRT2, 12);
    const two = measure(modelOf(binary, 2), ["log_loss"], [0, 200], numbers(2, 0.3, 1), 1);
    expect(two["log_loss"]).toBeCloseTo(Math.LN2 / 2, 12);
    expect(measure(modelOf(cross, 2), ["perplexity"], [4000, -4000], labels(2, 1), 1)).toEqual({});
  });

  it("measure every position of a language model", () => {
    const model = modelOf(cross, 2, { shape: [3, 4] });
    const target: PlanTarget = { kind: "labels", length: 3, classes: 2, labels: Int32Array.from([0, 1, 1]) };
    const values = measure(model, null, [0, 0, 0, 0, 0, 0], target, 1);
    expect(values["accuracy"]).toBe(1 / 3);
    expect(values["perplexity"]).toBeCloseTo(2, 12);
  });

  it("measure how far numbers are off", () => {
    const values = measure(modelOf({ type: "huber" }, 2), null, [1, 2, 3, 4], numbers(2, 1, 0, 3, 5), 2);
    expect(values).toEqual({ mean_squared_error: 1.25, mean_absolute_error: 0.75 });
  });

  it("are called by their output where there are several", () => {
    const layers: ModelSpec["layers"] = [
      { type: "dense", outputs: 2, name: "kind" },
      { type: "dense", outputs: 1, name: "size", from: "input" },
    ];
    const model: ModelSpec = { inputs: 3, layers, loss: { kind: cross, size: { type: "mean_squared_error" } } };
    const measured = (names: readonly string[] | null): readonly string[] => {
      const metrics = createMetrics(model, names);
      const outputs = { kind: Float32Array.from([0, 1, 1, 0]), size: Float32Array.from([1, 2]) };
      metrics.add(outputs, { kind: labels(2, 0, 1), size: numbers(1, 1, 2) }, 2);
      return Object.keys(metrics.values());
    };
    expect(measured(null)).toEqual([
      "kind.accuracy",
      "kind.auc",
      "size.mean_squared_error",
      "size.mean_absolute_error",
    ]);
    expect(measured(["size.mean_squared_error", "accuracy"])).toEqual(["size.mean_squared_error", "kind.accuracy"]);
  });

  it("are refused by a sentence where they do not suit", () => {
    const refusal = (model: ModelSpec, name: string) => (): unknown => metricKeys(model, [name]);
    expect(refusal(modelOf(cross, 3), "f1")).toThrow('metrics: "f1" is not one of accuracy');
    expect(refusal(modelOf(cross, 3), "auc")).toThrow("auc needs two classes, there are 3");
    expect(refusal(modelOf(cross, 3), "top_3")).toThrow("top_3 needs more than 3 classes, there are 3");
    expect(refusal(modelOf({ type: "huber" }, 1), "accuracy")).toThrow("accuracy needs classes, huber has none");
    expect(refusal(modelOf(cross, 3), "mean_squared_error")).toThrow("needs numbers as answers");
    expect(refusal(modelOf(cross, 3), "constructor")).toThrow("is not one of");
  });
});
