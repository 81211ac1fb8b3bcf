import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readLogPart } from "../federated/round-file.ts";
import { readLog } from "./read-cluster-rounds.ts";

/** 300 KB in lines of about one: more than two messages hold, with characters that a cut may go through. */
const lines = Array.from({ length: 300 }, (_, sequence) =>
  JSON.stringify({ sequence, body: { pad: "ä".repeat(500) } }),
);
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shoal-log-"));
  mkdirSync(join(folder, "r"));
  writeFileSync(join(folder, "r", "rounds.jsonl"), `${lines.join("\n")}\n`);
});
afterEach(() => rmSync(folder, { recursive: true }));

it("reads a log from its end, part by part", async () => {
  expect(await readLog((end) => readLogPart(folder, "r", end), 1e9)).toEqual({ lines, isWhole: true });
  const parts: number[] = [];
  const newest = await readLog((end) => {
    parts.push(end ?? Infinity);
    return readLogPart(folder, "r", end);
  }, 200_000);
  expect(parts).toHaveLength(2);
  expect(newest.isWhole).toBe(false);
  expect(newest.lines.length).toBeGreaterThan(200);
  expect(newest.lines).toEqual(lines.slice(-newest.lines.length));
});

it("finds nothing where there is no log", async () => {
  expect(await readLog((end) => readLogPart(folder, "other", end), 1e9)).toEqual({ lines: [], isWhole: true });
});
