import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBatchFiller, type BatchPlace } from "./batch-filler.ts";
import type { Column } from "./column.ts";
import type { Split } from "./dataset.ts";
import type { FloatsInput, LabelsTarget, NumbersTarget, SparseInput, TokensInput } from "../plan/plan-inputs.ts";

const batchSize = 2;

function floats(width: number): FloatsInput {
  const place: FloatsInput = {
    kind: "floats",
    width,
    floats: new Float32Array(batchSize * width),
    bytes: new Uint8Array(batchSize * width),
    convertBytes(rows, scale, shift) {
      for (let i = 0; i < rows * width; i += 1) place.floats[i] = scale * ((place.bytes[i] ?? 0) - shift);
    },
  };
  return place;
}

const labels = (length: number, classes: number): LabelsTarget => ({
  kind: "labels",
  length,
  classes,
  labels: new Int32Array(batchSize * length),
});
const numbers = (width: number): NumbersTarget => ({
  kind: "numbers",
  width,
  numbers: new Float32Array(batchSize * width),
});
const tokens = (length: number, vocabulary: number): TokensInput => ({
  kind: "tokens",
  length,
  vocabulary,
  tokens: new Int32Array(batchSize * length),
});
const sparse = (features: number, active: number): SparseInput => ({
  kind: "sparse",
  features,
  active,
  rowOffsets: new Int32Array(batchSize + 1),
  indices: new Int32Array(batchSize * active),
  values: new Float32Array(batchSize * active),
});

const pixels: Column = { kind: "dense", width: 2, values: Uint8Array.of(0, 10, 20, 30, 40, 50), scale: 0.5, shift: 10 };
const three: Column = { kind: "labels", classes: 3, values: Int32Array.of(2, 0, 1) };
const bytes: Split = { count: 3, inputs: { input: pixels }, targets: { output: three } };
const rows: Column = {
  kind: "sparse",
  features: 5,
  active: 3,
  rowOffsets: Uint32Array.of(0, 2, 2, 5),
  indices: Uint32Array.of(1, 4, 0, 2, 3),
  values: Float32Array.of(0.5, 2, 1, 3, 4),
};
const order = Uint32Array.of(2, 0, 1);
const placeOf = (input: BatchPlace["inputs"][string], target: BatchPlace["targets"][string]): BatchPlace => ({
  batchSize,
  inputs: { input },
  targets: { output: target },
});

describe("a batch filler", () => {
  it("gathers bytes in the given order and scales them", () => {
    const [input, target] = [floats(2), labels(1, 3)];
    const filler = createBatchFiller(bytes, placeOf(input, target));
    expect(filler.fill(order, 0, 2)).toBe(2);
    expect([...input.floats]).toEqual([15, 20, -5, 0]);
    expect([...target.labels]).toEqual([1, 2]);
    expect(filler.fill(order, 2, 3)).toBe(1);
    expect([...input.floats]).toEqual([5, 10, -5, 0]);
    expect(filler.fill(order, 3, 3)).toBe(0);
  });

  it("copies floats and numbers to predict as they are", () => {
    const column = (width: number, ...values: number[]): Column => ({
      kind: "dense",
      width,
      values: Float32Array.from(values),
      scale: 1,
      shift: 0,
    });
    const split = { count: 3, inputs: { x: column(2, 1, 2, 3, 4, 5, 6) }, targets: { y: column(1, 0.5, 1, 2) } };
    const [input, target] = [floats(2), numbers(1)];
    createBatchFiller(split, placeOf(input, target)).fill(order, 0, 2);
    expect([...input.floats]).toEqual([5, 6, 1, 2]);
    expect([...target.numbers]).toEqual([2, 0.5]);
  });

  it("gives a binary model its label and a wider one a target for each class", () => {
    const one = numbers(1);
    const binary: Column = { kind: "labels", classes: 2, values: Int32Array.of(1, 0, 1) };
    createBatchFiller({ ...bytes, targets: { output: binary } }, placeOf(floats(2), one)).fill(order, 1, 3);
    expect([...one.numbers]).toEqual([1, 0]);
    const wide = numbers(3);
    const filler = createBatchFiller(bytes, placeOf(floats(2), wide));
    filler.fill(order, 0, 2);
    filler.fill(order, 1, 3);
    expect([...wide.numbers]).toEqual([0, 0, 1, 1, 0, 0]);
  });

  it("gathers sparse rows, also spread out for a dense input", () => {
    const split = { ...bytes, inputs: { input: rows } };
    const place = sparse(5, 3);
    createBatchFiller(split, placeOf(place, labels(1, 3))).fill(order, 0, 2);
    expect([...place.rowOffsets]).toEqual([0, 3, 5]);
    expect([...place.indices.subarray(0, 5)]).toEqual([0, 2, 3, 1, 4]);
    expect([...place.values.subarray(0, 5)]).toEqual([1, 3, 4, 0.5, 2]);
    const dense = floats(5);
    const filler = createBatchFiller(split, placeOf(dense, labels(1, 3)));
    filler.fill(order, 0, 2);
    filler.fill(order, 1, 3);
    expect([...dense.floats]).toEqual([0, 0.5, 0, 0, 2, 0, 0, 0, 0, 0]);
  });

  it("cuts windows of tokens and the tokens that follow them", () => {
    const text = { vocabulary: 9, length: 3, stride: 2, tokens: Uint8Array.of(1, 2, 3, 4, 5, 6, 7) };
    const window = (begin: number): Column => ({ kind: "windows", begin, ...text });
    const split: Split = { count: 2, inputs: { input: window(0) }, targets: { output: window(1) } };
    const [input, target] = [tokens(3, 9), labels(3, 9)];
    createBatchFiller(split, placeOf(input, target)).fill(Uint32Array.of(1, 0), 0, 2);
    expect([...input.tokens]).toEqual([3, 4, 5, 1, 2, 3]);
    expect([...target.labels]).toEqual([4, 5, 6, 2, 3, 4]);
  });

  it("pairs several inputs by name and leaves unknown answers alone", () => {
    const [left, right] = [floats(2), sparse(5, 3)];
    const split: Split = { count: 3, inputs: { right: rows, other: three, left: pixels }, targets: {} };
    const place = { batchSize, inputs: { left, right }, targets: { output: labels(1, 3) } };
    createBatchFiller(split, place).fill(order, 0, 1);
    expect([...left.floats]).toEqual([15, 20, 0, 0]);
    expect(right.rowOffsets[1]).toBe(3);
    expect(() => createBatchFiller({ ...split, inputs: { left: pixels, r: rows } }, place)).toThrow("no input right");
  });

  it("refuses what does not fit the plan", () => {
    const place = placeOf(floats(2), labels(1, 3));
    const filler = createBatchFiller(bytes, place);
    expect(() => filler.fill(order, 0, 3)).toThrow("a batch of 3 rows does not fit a plan for 2");
    expect(() => filler.fill(order, 2, 1)).toThrow(RangeError);
    expect(() => createBatchFiller(bytes, placeOf(floats(3), labels(1, 3)))).toThrow(
      "does not fit an input of 3 numbers",
    );
    expect(() => createBatchFiller(bytes, placeOf(tokens(2, 4), labels(1, 3)))).toThrow("an input of 2 tokens");
    expect(() => createBatchFiller(bytes, placeOf(floats(2), numbers(2)))).not.toThrow();
    expect(() => createBatchFiller({ ...bytes, inputs: { input: rows } }, placeOf(sparse(5, 2), numbers(1)))).toThrow(
      "5 sparse features with up to 2 entries",
    );
  });

  it("gathers random sparse rows as a plain loop does", () => {
    const entries = fc.uniqueArray(fc.nat({ max: 9 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(entries, { minLength: 1, maxLength: 6 }), fc.nat(), (all, seed) => {
        const sorted = all.map((row) => row.toSorted((a, b) => a - b));
        const rowOffsets = Uint32Array.from([0, ...sorted.map((_, row) => sorted.slice(0, row + 1).flat().length)]);
        const column: Column = {
          kind: "sparse",
          features: 10,
          active: Math.max(...sorted.map(({ length }) => length)),
          rowOffsets,
          indices: Uint32Array.from(sorted.flat()),
          values: undefined,
        };
        const place = sparse(10, 4);
        const sample = seed % all.length;
        createBatchFiller(
          { count: all.length, inputs: { input: column }, targets: {} },
          placeOf(place, labels(1, 2)),
        ).fill(Uint32Array.of(sample), 0, 1);
        const length = place.rowOffsets[1] ?? -1;
        expect([...place.indices.subarray(0, length)]).toEqual(sorted[sample]);
        expect([...place.values.subarray(0, length)]).toEqual(sorted[sample]?.map(() => 1));
      }),
    );
  });
});
