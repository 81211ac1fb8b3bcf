import { describe, expect, it } from "vitest";
import { compare, figure, missedRows } from "./report.ts";
import { formatNumber, renderTable } from "./table.ts";

const push = { name: "push 1 MiB", value: 1500, unit: "MB/s", limit: 2000, limitName: "raw socket" } as const;

describe("a row of a report", () => {
  it("meets an aim from below or from above", () => {
    expect(compare({ ...push, aim: { kind: "at_least", ratio: 0.75 } })).toMatchObject({ ratio: 0.75, met: true });
    expect(compare({ ...push, aim: { kind: "at_most", ratio: 0.5 } })).toMatchObject({ ratio: 0.75, met: false });
  });

  it("is not judged where there is no aim", () => {
    const rows = [compare(push), figure("latency", 0.1, "ms")];
    expect(rows.map((row) => row.met)).toEqual([undefined, undefined]);
    expect(missedRows({ rows, notes: [] })).toEqual([]);
  });

  it("misses its aim when its limit could not be measured", () => {
    expect(compare({ ...push, value: 0, limit: 0, aim: { kind: "at_least", ratio: 0.1 } }).met).toBe(false);
  });
});

describe("the table of a report", () => {
  it("shows the aim beside each ratio", () => {
    const rows = [compare({ ...push, aim: { kind: "at_least", ratio: 0.9 } }), figure("latency", 0.1, "ms")];
    expect(renderTable({ rows, notes: ["Median of 5."] })).toBe(
      [
        "               figure                 limit  ratio    aim",
        "push 1 MiB  1500 MB/s  2000 MB/s raw socket  0.750  ≥ 0.9  MISSED",
        "latency     0.1000 ms",
        "",
        "- Median of 5.",
      ].join("\n"),
    );
  });

  it("prints four significant digits", () => {
    expect([0, 0.00123456, 12.3456, 1234.56, 123456].map(formatNumber)).toEqual([
      "0",
      "0.001235",
      "12.35",
      "1235",
      "123456",
    ]);
  });
});
