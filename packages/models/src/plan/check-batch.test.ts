import { describe, expect, it } from "vitest";
import { checkInput, checkTarget } from "./check-batch.ts";
import type { SparseInput } from "./plan-inputs.ts";

const sparse = (rowOffsets: number[], indices: number[]): SparseInput => ({
  kind: "sparse",
  features: 5,
  active: 2,
  rowOffsets: Int32Array.from(rowOffsets),
  indices: Int32Array.from(indices),
  values: new Float32Array(indices.length),
});

describe("what kernels would read or write by", () => {
  it("is refused when a token is not of the vocabulary", () => {
    const tokens = Int32Array.of(0, 4, 2, 5);
    const input = { kind: "tokens", length: 2, vocabulary: 5, tokens } as const;
    expect(() => checkInput(input, 1)).not.toThrow();
    expect(() => checkInput(input, 2)).toThrow("token 5 of row 1 is not in [0, 5)");
    tokens[3] = -1;
    expect(() => checkInput(input, 2)).toThrow("token -1 of row 1");
  });

  it("is refused when one of several labels of a row is not a class", () => {
    const target = { kind: "labels", length: 3, classes: 4, labels: Int32Array.of(0, 1, 3, 0, 4, 0) } as const;
    expect(() => checkTarget(target, 1)).not.toThrow();
    expect(() => checkTarget(target, 2)).toThrow("label 4 of row 1 is not in [0, 4)");
  });

  it("is refused when a sparse row reaches beyond its features or its room", () => {
    expect(() => checkInput(sparse([0, 2, 3], [0, 4, 1]), 2)).not.toThrow();
    expect(() => checkInput(sparse([0, 2, 3], [0, 5, 1]), 2)).toThrow("index 5 of row 0 is not in [0, 5)");
    expect(() => checkInput(sparse([0, 3], [0, 1, 2]), 1)).toThrow("number of entries 3 of row 0 is not in [0, 3)");
    expect(() => checkInput(sparse([0, 2, 1], [0, 1]), 2)).toThrow("number of entries -1 of row 1");
    expect(() => checkInput(sparse([1, 2], [0, 1]), 1)).toThrow("row offset 1 of row 0 is not in [0, 1)");
    expect(() => checkInput(sparse([0, -2], [0]), 1)).toThrow("number of entries -2 of row 0");
  });
});
