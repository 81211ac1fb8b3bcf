/**
 * Runs every property with cases that no test run has drawn, one seed after the other, and stops at the first that fails:
 *
 *   npm run fuzz -- --passes 20            seeds that were never tried
 *   npm run fuzz -- --seed 7 --passes 1    one that failed
 *
 * A case that breaks something belongs beside its property, as an example of its own.
 */
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { readOptions, wholeNumber } from "./options.ts";

const usage = "npm run fuzz -- [--passes N] [--seed FIRST]";

const { passes, first } = readOptions(usage, () => {
  const { values } = parseArgs({ options: { passes: { type: "string" }, seed: { type: "string" } } });
  return {
    passes: wholeNumber("passes", values.passes ?? "10"),
    first: values.seed === undefined ? randomInt(1, 2 ** 31) : wholeNumber("seed", values.seed),
  };
});

const withProperties = globSync("packages/*/src/**/*.test.ts").filter((file) =>
  readFileSync(file, "utf8").includes("fast-check"),
);
// Contracts are run by files that do not name fast-check themselves.
const files = [...withProperties, "test/contract/"];

for (let seed = first; seed < first + passes; seed += 1) {
  console.log(`seed ${seed} (${seed - first + 1} of ${passes})`);
  const { status } = spawnSync("vitest", ["run", "--reporter=dot", "--project=unit", "--project=contract", ...files], {
    stdio: "inherit",
    shell: process.platform === "win32",
    env: { ...process.env, SHOAL_PROPERTY_SEED: String(seed) },
  });
  if (status === 0) continue;
  console.error(`seed ${seed} failed; npm run fuzz -- --seed ${seed} --passes 1 repeats it`);
  process.exitCode = 1;
  break;
}
