import { describe, expect, it } from "vitest";
import type { Preprocessing } from "@shoal/models";
import { describeOutput, targetNames } from "./prediction.ts";
import { predictionLines } from "./prediction-text.ts";

const cross = { type: "softmax_cross_entropy" } as const;
const binary = { type: "binary_cross_entropy" } as const;

describe("a prediction", () => {
  it("names the likeliest class, with probabilities of any logits", () => {
    const logits = Float32Array.of(0, Math.log(3), -1000);
    expect(describeOutput({ loss: cross, names: ["cat", "dog", "cow"] }, logits)).toEqual({
      class: "dog",
      probabilities: { cat: 0.25, dog: 0.75, cow: 0 },
    });
    expect(describeOutput({ loss: cross, names: undefined }, Float32Array.of(500, 0))).toMatchObject({ class: 0 });
  });

  it("says yes or no of one logit, and numbers under a regression loss", () => {
    expect(describeOutput({ loss: binary, names: ["no", "yes"] }, Float32Array.of(-Math.log(3)))).toEqual({
      class: "no",
      probabilities: { no: 0.75, yes: 0.25 },
    });
    expect(describeOutput({ loss: binary, names: undefined }, Float32Array.of(0))).toEqual({
      class: 0,
      probabilities: { 0: 0.5, 1: 0.5 },
    });
    const loss = { type: "huber" } as const;
    expect(describeOutput({ loss, names: ["price"] }, Float32Array.of(2.5))).toEqual({ values: { price: 2.5 } });
    expect(describeOutput({ loss, names: undefined }, Float32Array.of(1, 2))).toEqual({ values: { 0: 1, 1: 2 } });
  });

  it("finds the names of its target, the only one or its own", () => {
    const preprocessing: Preprocessing = {
      version: 1,
      format: "csv",
      inputs: {},
      targets: {
        kind: { kind: "classes", column: "k", names: ["a", "b"] },
        size: { kind: "numbers", columns: ["s"] },
      },
    };
    expect(targetNames(preprocessing, "kind")).toEqual(["a", "b"]);
    expect(targetNames(preprocessing, "size")).toEqual(["s"]);
    expect(targetNames(preprocessing, "output")).toBeUndefined();
    const { kind } = preprocessing.targets;
    if (kind !== undefined) expect(targetNames({ ...preprocessing, targets: { kind } }, "output")).toEqual(["a", "b"]);
  });
});

describe("predictions as text", () => {
  const predictions = async function* () {
    yield await Promise.resolve({ class: 'a "b"', probabilities: { x: 1, "y,z": 0 } });
    yield { class: 2, probabilities: { x: 0.5, "y,z": 0.5 } };
  };

  it("are JSON, one a line", async () => {
    const lines = await Array.fromAsync(predictionLines(predictions(), "jsonl"));
    expect(lines[1]).toBe('{"class":2,"probabilities":{"x":0.5,"y,z":0.5}}\n');
  });

  it("are CSV with the names of the columns first, quoted where they must be", async () => {
    const lines = await Array.fromAsync(predictionLines(predictions(), "csv"));
    expect(lines).toEqual(['class,probabilities.x,"probabilities.y,z"\n', '"a ""b""",1,0\n', "2,0.5,0.5\n"]);
  });
});
