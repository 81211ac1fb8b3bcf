import { expect, it } from "vitest";
import { nameRun } from "./run-name.ts";

it("names a run by its job, its time in UTC and its number", () => {
  expect(nameRun("mnist-mlp", Date.UTC(2026, 10, 21, 9, 7, 11), 3)).toBe("mnist-mlp-1121-090711-3");
});

it("fits into a node name for the longest job", () => {
  expect(nameRun("a".repeat(41), 0, 999_999_999)).toMatch(/^[a-z0-9][a-z0-9_-]{0,62}$/);
});
