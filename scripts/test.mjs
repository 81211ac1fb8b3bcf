/**
 * `npm test`: the checks, then every test, then what was skipped and why. The last line counts them all.
 * With parameters (`npm test -- packages/actors`) it passes them to vitest and runs nothing else.
 */
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findNode } from "./setup/dependencies.mjs";
import { describeMissing, findTool, testTools } from "./setup/tools.mjs";
import { listChecks, runChecks } from "./test/checks.mjs";
import { runVitest } from "./test/vitest-run.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const oldestMajor = 22;

/** Tests see the tools where they were found, the PATH's order notwithstanding. */
function makeEnvironment() {
  const environment = { ...process.env };
  environment["PATH"] = [join(root, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  for (const tool of testTools) {
    const path = findTool(tool, process.env);
    if (path !== undefined) environment[tool.variable] = path;
  }
  return environment;
}

/** @param {readonly { file: string, test: string, note: string | undefined }[]} skipped */
function printSkipped(skipped) {
  const missing = testTools.filter((tool) => findTool(tool, process.env) === undefined);
  if (skipped.length + missing.length > 0) console.log("\nSkipped:");
  for (const tool of missing) console.log(`- ${tool.tests}: ${describeMissing(tool, process.env)}`);
  for (const { file, test, note } of skipped)
    console.log(`- ${file}: ${test}${note === undefined ? "" : ` (${note})`}`);
}

/** @param {readonly string[]} parameters */
async function main(parameters) {
  const environment = makeEnvironment();
  process.env["PATH"] = environment["PATH"];
  const counts = await runChecks(parameters.length > 0 ? [] : listChecks(root), root);
  const tests = await runVitest(root, parameters, environment);
  const failed = counts.failed + tests.failed;
  printSkipped(tests.skipped);
  const skipped = tests.skipped.length > 0 ? `, ${tests.skipped.length} skipped` : "";
  console.log(`\n${counts.passed + tests.passed} passed, ${failed} failed${skipped}`);
  return failed === 0 ? 0 : 1;
}

const parameters = process.argv.slice(2);
if (Number(process.versions.node.split(".")[0]) < oldestMajor) {
  // Started by hand on the system's Node: the same script again, on the Node of the dependencies.
  const again = spawnSync(findNode(root), [fileURLToPath(import.meta.url), ...parameters], { stdio: "inherit" });
  process.exitCode = again.status ?? 1;
} else {
  process.exitCode = await main(parameters);
}
