/**
 * Prepares a clone: dependencies, kernels, and with `--test` the programs that tests need. Says what it does, one line
 * each, and nothing when all is there. Runs before `npm start`, `npm run shoal` and `npm test`, on whatever Node the
 * machine has, so it is plain JavaScript and imports nothing that must be installed first.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { dependenciesAreInstalled, findNode, installDependencies } from "./setup/dependencies.mjs";
import { runCommand } from "./setup/run-command.mjs";
import { withLock } from "./setup/setup-lock.mjs";
import { ensureTools } from "./setup/tools.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * On standard error: standard output belongs to the command that follows.
 * @param {string} line
 */
const say = (line) => console.error(`set-up: ${line}`);

async function buildKernels() {
  const script = join(root, "packages/kernels-wasm/scripts/build.mjs");
  if (!existsSync(script)) return;
  const outcome = await runCommand(findNode(root), [script], {
    cwd: root,
    shell: process.platform === "win32",
  });
  if (outcome.code !== 0) {
    throw new Error(`the kernels do not build (${outcome.output.trim().split("\n").at(-1)}); see npm run kernels`);
  }
  const news = outcome.output.split("\n").filter((line) => line !== "" && !line.endsWith("up to date"));
  for (const line of news) say(line);
}

async function prepare() {
  await installDependencies(root, say);
  await buildKernels();
  if (process.argv.includes("--test")) await ensureTools(process.env, say);
}

function isWritable() {
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function main() {
  if (!isWritable()) {
    if (!dependenciesAreInstalled(root))
      throw new Error(`cannot write to ${root}, where dependencies must be installed`);
    // Nothing can be written, so there is nothing that two of us could write at once.
    return prepare();
  }
  return withLock(join(root, ".shoal/setup.lock"), prepare, { onWait: (holder) => say(`waiting for ${holder}`) });
}

main().catch((error) => {
  console.error(`set-up failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
