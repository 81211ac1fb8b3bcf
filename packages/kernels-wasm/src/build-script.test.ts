import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("compiles nothing when the sources have not changed", () => {
  const binary = fileURLToPath(new URL("../build/core.wasm", import.meta.url));
  const script = fileURLToPath(new URL("../scripts/build.mjs", import.meta.url));
  execFileSync(process.execPath, [script]);
  const before = statSync(binary).mtimeMs;
  expect(execFileSync(process.execPath, [script], { encoding: "utf8" })).toBe("kernels are up to date\n");
  expect(statSync(binary).mtimeMs).toBe(before);
});
