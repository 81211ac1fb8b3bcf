import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommand } from "./command.ts";

let folder = "";
let printed = "";

const run = (...parameters: string[]): Promise<number> =>
  runCommand(parameters, {
    folder,
    print: (text) => (printed += `${text}\n`),
    context: { say: () => undefined, now: () => 0 },
  });

const writeBenchmark = (name: string, ratio: number): void => {
  mkdirSync(join(folder, name));
  const row = { name: "row", value: ratio, unit: "x", ratio, aim: { kind: "at_least", ratio: 1 }, met: ratio >= 1 };
  writeFileSync(
    join(folder, name, "index.ts"),
    `export const benchmark = {
      name: ${JSON.stringify(name)}, summary: "measures ${name}",
      run: () => Promise.resolve({ rows: [${JSON.stringify(row)}], notes: [] }),
    };`,
  );
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shoal-bench-"));
  printed = "";
  writeBenchmark("quick", 2);
  writeBenchmark("slow", 0.5);
  mkdirSync(join(folder, "frame"));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("the bench command", () => {
  it("lists the benchmarks and ends with 2 when the name is unknown or missing", async () => {
    expect(await run("nothing")).toBe(2);
    expect(printed).toContain("There is no benchmark nothing.");
    expect(printed).toContain("quick  measures quick\nslow   measures slow");
    expect(await run()).toBe(2);
    expect(await run("quick", "--fast")).toBe(2);
  });

  it("ends with 1 where an aim is missed, and only when asked to check", async () => {
    expect(await run("slow")).toBe(0);
    expect(printed).toContain("MISSED");
    expect(await run("slow", "--check")).toBe(1);
    expect(await run("quick", "--check")).toBe(0);
  });

  it("writes the report and the machine to a file", async () => {
    const file = join(folder, "report.json");
    expect(await run("quick", "--json", file)).toBe(0);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      benchmark: "quick",
      machine: { node: process.version },
      rows: [{ name: "row", ratio: 2, met: true }],
    });
  });
});
