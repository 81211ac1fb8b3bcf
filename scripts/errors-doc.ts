/**
 * Writes docs/ERRORS.md from the table of error codes. With `--check` writes nothing and ends with code 1 when the
 * file differs from what would be written.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderErrorsDoc } from "./errors-doc/render.ts";

const path = fileURLToPath(new URL("../docs/ERRORS.md", import.meta.url));

function readOrEmpty(): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const wanted = renderErrorsDoc();
if (!process.argv.includes("--check")) {
  writeFileSync(path, wanted);
} else if (readOrEmpty() !== wanted) {
  console.error("docs/ERRORS.md is out of date: run npm run docs:errors and commit the result");
  process.exitCode = 1;
}
