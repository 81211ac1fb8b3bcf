import { describe, expect, it } from "vitest";
import { deadLine, noteLine, type DeadLines } from "./dead-lines.ts";

const none: DeadLines = new Map();
const report = (forMs: number) => ({ from: 1, to: 2, forMs });
const to = { member: 2 };

describe("a line between two that live", () => {
  it("is dead when nothing has come through for 1.5 s, not before", () => {
    expect(noteLine(none, report(1_499), 100)).toBe(none);
    expect(deadLine(noteLine(none, report(1_500), 100), 1, to, 200)).toMatchObject({ foundAtMs: 100 });
    expect(deadLine(noteLine(none, report(1_500), 100), 2, { member: 1 }, 200)).toBeUndefined();
  });

  it("remains so as long as that is repeated, since it was found out", () => {
    const lines = noteLine(noteLine(none, report(5_000), 0), report(10_500), 5_500);
    expect(deadLine(lines, 1, to, 13_000)).toEqual({ from: 1, to: 2, foundAtMs: 0, reportedAtMs: 5_500 });
    expect(deadLine(lines, 1, to, 13_500)).toBeUndefined();
  });

  it("works again when it broke anew", () => {
    expect(noteLine(noteLine(none, report(5_000), 0), report(0), 1_000).size).toBe(0);
  });

  it("is one of at most 1,024", () => {
    let lines = none;
    for (let from = 0; from < 2_000; from += 1) lines = noteLine(lines, { from, to: 2, forMs: 2_000 }, 0);
    expect(lines.size).toBe(1_024);
    expect(deadLine(lines, 1_999, to, 0)).toBeDefined();
  });
});
