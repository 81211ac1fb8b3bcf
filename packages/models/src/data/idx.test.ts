import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isShoalError } from "@shoal/errors";
import { denseInput, labelTarget } from "../../../../test/support/columns.ts";
import { bytesColumn, idxClasses, idxSplit, labelledImages, parseIdx, type IdxArray } from "./idx.ts";

function idxBytes(dimensions: readonly number[], data: readonly number[]): Uint8Array {
  const header = [
    0,
    0,
    8,
    dimensions.length,
    ...dimensions.flatMap((size) => [size >>> 24, size >>> 16, size >>> 8, size]),
  ];
  return Uint8Array.from([...header, ...data]);
}

const unit = { scale: 1, shift: 0 };
const images = (): IdxArray => parseIdx(idxBytes([2, 1, 3], [1, 2, 3, 4, 5, 6]), "images");
const labels = (data = [7, 1]): IdxArray => parseIdx(idxBytes([data.length], data), "labels");

describe("IDX files", () => {
  it("join images and labels to a split", () => {
    const joined = labelledImages(images(), labels());
    expect(idxClasses(joined)).toBe(8);
    const split = idxSplit(joined, bytesColumn(images().data, 3, unit), 8);
    expect(split.count).toBe(2);
    expect(denseInput(split)).toMatchObject({ width: 3, scale: 1, shift: 0 });
    expect([...denseInput(split).values]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(labelTarget(split).classes).toBe(8);
    expect([...labelTarget(split).values]).toEqual([7, 1]);
  });

  it.each([
    ["an empty file", [], 0, "this is not an IDX file"],
    ["something else", [80, 75, 3, 4], 0, "this is not an IDX file"],
    ["floats", [0, 0, 13, 1, 0, 0, 0, 0], 2, "expected elements of type 0x08 (bytes), found 13"],
    ["no dimensions", [0, 0, 8, 0], 3, "expected 1 to 8 dimensions, found 0"],
    ["a cut header", [0, 0, 8, 2, 0, 0, 0, 1, 0, 0], 10, "the file ends in its header"],
    ["cut data", [...idxBytes([2, 3], [1, 2, 3, 4])], 16, "promises 6 bytes (2×3), there are 4"],
    ["data behind its end", [...idxBytes([2], [1, 2, 3])], 10, "promises 2 bytes (2), there are 3"],
  ])("tell file and position of %s", (_, bytes, position, sentence) => {
    expect(() => parseIdx(Uint8Array.from(bytes), "some.gz")).toThrow(
      expect.objectContaining({
        code: "data_corrupt",
        details: { file: "some.gz", position },
        message: expect.stringContaining(sentence),
      }),
    );
  });

  it("are refused when images and labels do not belong together", () => {
    expect(() => labelledImages(images(), labels([1]))).toThrow("labels: 1 labels for the 2 samples of images");
    expect(() => labelledImages(images(), images())).toThrow("labels have 1 dimension, found 3");
    expect(() => labelledImages(labels([]), labels([]))).toThrow("the file has no samples");
  });

  it("never break the reader", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (noise, valid) => {
        const bytes = valid ? Uint8Array.from([0, 0, 8, ...noise]) : noise;
        try {
          parseIdx(bytes, "noise");
        } catch (error) {
          if (!isShoalError(error, "data_corrupt")) throw error;
        }
      }),
    );
  });
});
