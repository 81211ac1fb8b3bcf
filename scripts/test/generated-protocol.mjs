/** Ends with code 1 when the checked-in protocol code differs from what `npm run proto` would write. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { runCommand } from "../setup/run-command.mjs";

const folder = "packages/protocol/src/generated";

/**
 * @param {string} top
 * @returns {Map<string, string>} contents by path below `top`
 */
function readTree(top) {
  const files = readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(top, path), readFileSync(path, "utf8")];
    }),
  );
}

const scratch = mkdtempSync(join(tmpdir(), "shoal-proto-"));
try {
  const outcome = await runCommand("buf", ["generate", "-o", scratch], { shell: process.platform === "win32" });
  if (outcome.code !== 0) throw new Error(outcome.output);
  const [fresh, checkedIn] = [readTree(join(scratch, folder)), readTree(folder)];
  const paths = new Set([...fresh.keys(), ...checkedIn.keys()]);
  const different = [...paths].filter((path) => fresh.get(path) !== checkedIn.get(path));
  if (different.length > 0) {
    console.error(`${folder} is out of date (${different.join(", ")}): run npm run proto and commit the result`);
    process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
