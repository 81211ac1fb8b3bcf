/**
 * Reporter of vitest: writes what `npm test` needs for its last lines to the file named by `SHOAL_TEST_SUMMARY`.
 * A skipped test brings the note that it gave (`context.skip("why")`).
 */
import { writeFileSync } from "node:fs";

/**
 * @typedef {object} Summary
 * @property {number} passed
 * @property {number} failed tests that failed, plus files that did not load and errors outside of any test
 * @property {{ file: string, test: string, note: string | undefined }[]} skipped
 */

export default class SummaryReporter {
  /**
   * @param {readonly import("vitest/node").TestModule[]} modules
   * @param {readonly unknown[]} unhandled
   */
  onTestRunEnd(modules, unhandled) {
    const path = process.env["SHOAL_TEST_SUMMARY"];
    if (path === undefined) return;
    writeFileSync(path, JSON.stringify(summarize(modules, unhandled.length)));
  }
}

/**
 * @param {readonly import("vitest/node").TestModule[]} modules
 * @param {number} unhandled
 * @returns {Summary}
 */
function summarize(modules, unhandled) {
  /** @type {Summary} */
  const summary = { passed: 0, failed: unhandled, skipped: [] };
  for (const module of modules) {
    if (module.errors().length > 0) summary.failed += 1;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === "passed") summary.passed += 1;
      else if (result.state === "failed") summary.failed += 1;
      else {
        const note = result.state === "skipped" ? result.note : "did not run";
        summary.skipped.push({ file: module.relativeModuleId, test: test.fullName, note });
      }
    }
  }
  return summary;
}
