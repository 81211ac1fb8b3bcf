import { generateDigits, type Column, type Split } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { checkSplit } from "./check-split.ts";

const { train: digits } = generateDigits({ samples: 4, testSamples: 1 });
const { input } = digits.inputs;
const { output } = digits.targets;
if (input?.kind !== "dense" || output?.kind !== "labels") throw new Error("digits are pictures with labels");

const withInput = (column: Column): Split => ({ ...digits, inputs: { input: column } });
const withOutput = (column: Column): Split => ({ ...digits, targets: { output: column } });

describe("data of a client", () => {
  it("pass when they are what they say, and when there are none", () => {
    expect(() => checkSplit(digits)).not.toThrow();
    const none = { ...output, values: new Int32Array() };
    const nothing = { count: 0, inputs: { input: { ...input, values: new Uint8Array() } }, targets: { output: none } };
    expect(() => checkSplit(nothing)).not.toThrow();
  });

  it("are refused with too few numbers, labels, tokens or rows", () => {
    const tokens = {
      kind: "windows",
      vocabulary: 9,
      length: 3,
      stride: 2,
      begin: 1,
      tokens: new Uint8Array(9),
    } as const;
    const offsets = { rowOffsets: new Uint32Array(4), indices: new Uint32Array(), values: undefined };
    const cases: readonly (readonly [Split, string])[] = [
      [
        withInput({ ...input, values: new Uint8Array(600) }),
        "input has 600 numbers (784 a sample), expected 3136 for 4",
      ],
      [withOutput({ ...output, values: new Int32Array(3) }), "output has 3 labels, expected 4 for 4"],
      [withInput(tokens), "input has 9 tokens, expected 10 for 4"],
      [withInput({ kind: "sparse", features: 3, active: 1, ...offsets }), "input has 4 offsets of rows, expected 5"],
    ];
    for (const [split, sentence] of cases) expect(() => checkSplit(split)).toThrow(sentence);
    expect(() => checkSplit({ ...digits, count: -1 })).toThrow(RangeError);
  });

  it("are refused with numbers and labels that none can learn from", () => {
    const values = new Float32Array(4 * 784);
    values[2 * 784] = NaN;
    expect(() => checkSplit(withInput({ ...input, values }))).toThrow("input has NaN in sample 2");
    for (const label of [10, -1]) {
      const wrong = { ...output, values: Int32Array.of(0, 1, label, 3) };
      expect(() => checkSplit(withOutput(wrong))).toThrow(`output has label ${label} in sample 2, expected 0 to 9`);
    }
  });
});
