import { describeModel } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { modelTable, shortBytes, shortCount } from "./model-table.ts";

describe("a model as a table", () => {
  it("lists layers with what they cost, and says what is frozen", () => {
    const description = describeModel(
      {
        inputs: { shape: [1, 6, 6] },
        layers: [
          { type: "convolution", filters: 2, kernel: 3, frozen: true },
          { type: "flatten" },
          { type: "dense", outputs: 3 },
        ],
        loss: { type: "mean_squared_error" },
      },
      4,
    );
    const lines = modelTable(description);
    expect(lines.slice(0, 5)).toEqual([
      "layer  type                  output  parameters  FLOPs  batch of 4",
      "input  input                 1×6×6",
      "0      convolution (frozen)  2×4×4           20    608       512 B",
      "1      flatten               32                              512 B",
      "2      dense                 3               99    195        48 B",
    ]);
    expect(lines).toContain("parameters     119, 99 of them trained (476 B)");
    expect(lines.at(-1)).toBe("output         output: 3, mean_squared_error");
  });

  it("shows three digits and a unit", () => {
    expect([0, 999, 1000, 1_340_000].map(shortCount)).toEqual(["0", "999", "1.00 k", "1.34 M"]);
    expect([512, 2048, 1023 * 1024].map(shortBytes)).toEqual(["512 B", "2.00 KiB", "1023 KiB"]);
  });
});
