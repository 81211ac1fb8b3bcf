import { describe, expect, it } from "vitest";
import { concrete } from "../../../../test/support/encoding-ends.ts";
import { encodedBytes } from "./encoded-layout.ts";
import { parseEncodingSpec, type EncodingSpec } from "./encoding-spec.ts";
import { matricesWithin } from "./matrices-within.ts";

const bytesOf = (spec: EncodingSpec, size: number): number => encodedBytes(concrete(spec), { size });

describe("the bytes of an encoded vector", () => {
  it("are what the formats say, for a million elements", () => {
    const size = 1 << 20;
    expect(bytesOf({ name: "float32" }, size)).toBe(4 * size);
    expect(bytesOf({ name: "bfloat16" }, size)).toBe(2 * size);
    expect(bytesOf({ name: "float16" }, size)).toBe(2 * size);
    expect(bytesOf({ name: "int8" }, size)).toBe(size + size / 64);
    expect(bytesOf({ name: "int4" }, size)).toBe(size / 2 + size / 16);
    expect(bytesOf({ name: "one_bit" }, size)).toBe(size / 8 + size / 256);
    expect(bytesOf({ name: "two_bit" }, size)).toBe(size / 4);
    expect(bytesOf({ name: "top_k", share: 1 / 1024 }, size)).toBe(8 * 1024);
    expect(bytesOf({ name: "random_k", share: 1 / 1024 }, size)).toBe(4 + 4 * 1024);
  });

  it("are r·(n + m) floats for a matrix, and all floats of the rest", () => {
    const layout = { size: 100 * 50 + 7, matrices: [{ offset: 3, rows: 100, columns: 50 }] };
    expect(encodedBytes(concrete({ name: "power_sgd", rank: 2 }), layout)).toBe(4 * (2 * 150 + 7));
  });

  it("count plain ranges as float32, at a multiple of 4", () => {
    const layout = { size: 110, plain: [{ begin: 3, end: 8 }] };
    expect(encodedBytes(concrete({ name: "int8" }), layout)).toBe(112 + 4 * 5);
  });

  it("refuse ranges that do not ascend or fit", () => {
    const layouts = [
      { size: 0 },
      { size: 9, plain: [{ begin: 4, end: 10 }] },
      {
        size: 9,
        plain: [
          { begin: 4, end: 5 },
          { begin: 3, end: 4 },
        ],
      },
      { size: 9, matrices: [{ offset: 0, rows: 2, columns: 5 }] },
      { size: 9, matrices: [{ offset: -1, rows: 2, columns: 2 }] },
    ];
    for (const layout of layouts) expect(() => encodedBytes(concrete({ name: "int8" }), layout)).toThrow(RangeError);
  });
});

describe("matrices within a key range", () => {
  // Weight [4×3] at 0, bias [3] at 12, filters [2×2×2] at 15.
  const segments = [
    { offset: 0, shape: [4, 3] },
    { offset: 12, shape: [3] },
    { offset: 15, shape: [2, 2, 2] },
  ];

  it("are all of them in the range of the whole vector, filters as a matrix of the first dimension by the others", () => {
    expect(matricesWithin(segments, { begin: 0, end: 23 })).toEqual([
      { offset: 0, rows: 4, columns: 3 },
      { offset: 15, rows: 2, columns: 4 },
    ]);
  });

  it("are whole rows where a border cuts one", () => {
    expect(matricesWithin(segments, { begin: 2, end: 11 })).toEqual([{ offset: 1, rows: 2, columns: 3 }]);
  });

  it("are none where less than two rows are left", () => {
    expect(matricesWithin(segments, { begin: 7, end: 17 })).toEqual([]);
  });
});

describe("an encoding's specification", () => {
  it("gets its defaults", () => {
    expect(parseEncodingSpec({ name: "top_k" })).toEqual({ name: "top_k", share: 0.01, errorFeedback: true });
    expect(parseEncodingSpec({ name: "two_bit" })).toEqual({ name: "two_bit", threshold: 0.5, errorFeedback: true });
    expect(parseEncodingSpec({ name: "power_sgd" })).toEqual({ name: "power_sgd", rank: 2, errorFeedback: true });
    expect(parseEncodingSpec({ name: "auto" })).toEqual({ name: "auto" });
  });

  it.each([
    [{ name: "mp3" }, "encoding.name"],
    [{ name: "top_k", share: 0 }, "encoding.share"],
    [{ name: "two_bit", threshold: -1 }, "encoding.threshold"],
    [{ name: "power_sgd", rank: 0 }, "encoding.rank"],
    [{ name: "random_k", seed: 2 ** 32 }, "encoding.seed"],
    [{ name: "float32", errorFeedback: true }, "encoding"],
  ])("names what is wrong with %o", (value, field) => {
    expect(() => parseEncodingSpec(value)).toThrowError(
      expect.objectContaining({ code: "invalid_argument", details: { field } }),
    );
  });
});
