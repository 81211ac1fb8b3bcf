import { describe, expect, it } from "vitest";
import { parseDatasetSpec } from "./dataset-schema.ts";

describe("parseDatasetSpec", () => {
  it("keeps a valid description as it is", () => {
    const spec = { type: "csv", file: "a.csv", labelColumn: 3, delimiter: ";", normalisation: "standard" };
    expect(parseDatasetSpec(spec)).toEqual(spec);
    expect(parseDatasetSpec({ type: "mnist" })).toEqual({ type: "mnist" });
  });

  it.each([
    ["mnist", 'dataset: expected mnist, idx, csv, jsonl, parquet, libsvm, text or digits, got "mnist"'],
    [{ type: "cifar" }, 'dataset.type: expected mnist, idx, csv, jsonl, parquet, libsvm, text or digits, got "cifar"'],
    [{ type: "idx", images: "a" }, "dataset.labels: expected a file path, got nothing"],
    [{ type: "csv", file: "a", labelColumn: -1 }, "dataset.labelColumn: expected a column name or an index from 0"],
    [{ type: "csv", file: "a", labelColumn: 0, delimiter: '"' }, "dataset.delimiter: expected one character"],
    [
      { type: "jsonl", file: "a" },
      "dataset.labelColumn: expected a column name or an index from 0, or targets in its place",
    ],
    [
      { type: "parquet", file: "a", targets: { y: { columns: ["a", "b"], kind: "class" } } },
      "dataset.targets.y.columns: expected a single column for a class",
    ],
    [
      { type: "csv", file: "a", labelColumn: 0, inputs: {} },
      "dataset.inputs: expected columns by the name of an input",
    ],
    [{ type: "libsvm", file: "a", features: 0 }, "dataset.features: expected an integer from 1 to 16777216, got 0"],
    [
      { type: "libsvm", file: "a", substitute: { samples: 5 } },
      "dataset.substitute.samples: expected an integer from 10",
    ],
    [
      { type: "text", file: "a", tokens: "words", length: 4 },
      "dataset.tokens: expected characters, bytes, r50k or cl100k",
    ],
    [
      { type: "text", file: "a", tokens: "bytes", length: 4, testShare: 1 },
      "dataset.testShare: expected a number above 0",
    ],
    [{ type: "digits", samples: 0 }, "dataset.samples: expected an integer from 1 to 1000000, got 0"],
    [{ type: "digits", sample: 9 }, "dataset: unknown field sample"],
  ])("says what is wrong with %j", (value, sentence) => {
    expect(() => parseDatasetSpec(value)).toThrow(sentence);
  });
});
