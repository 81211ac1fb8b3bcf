/** Runs vitest and brings back its counts. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** @typedef {import("./summary-reporter.mjs").Summary} Summary */

/**
 * @param {string} root
 * @param {readonly string[]} parameters passed on to vitest
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Promise<Summary>}
 */
export async function runVitest(root, parameters, environment) {
  const scratch = mkdtempSync(join(tmpdir(), "shoal-tests-"));
  const file = join(scratch, "summary.json");
  try {
    const reporters = ["--reporter=default", "--reporter=./scripts/test/summary-reporter.mjs"];
    const code = await runInTerminal("vitest", ["run", ...reporters, ...parameters], {
      cwd: root,
      env: { ...environment, SHOAL_TEST_SUMMARY: file },
    });
    const summary = read(file);
    // A run that fails without a failed test (a config error, a crash, no test found) is a failure all the same.
    return code !== 0 && summary.failed === 0 ? { ...summary, failed: 1 } : summary;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * @param {string} path
 * @returns {Summary}
 */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { passed: 0, failed: 0, skipped: [] };
  }
}

/**
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>}
 */
function runInTerminal(program, parameters, options) {
  return new Promise((resolve) => {
    const child = spawn(program, [...parameters], {
      ...options,
      stdio: ["ignore", "inherit", "inherit"],
      shell: process.platform === "win32",
    });
    child.on("error", (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      resolve(127);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}
