/** The programs that tests need and npm does not bring: nats-server and Chromium. */
import { accessSync, constants, existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runCommand } from "./run-command.mjs";

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} variable environment variable that names its path
 * @property {readonly string[]} programs names on the PATH, the preferred one first
 * @property {readonly string[]} places full paths beside the PATH
 * @property {string} debianPackage
 * @property {string} elsewhere how to get it on other systems
 * @property {string} tests what does not run without it
 */

/** @type {readonly Tool[]} */
export const testTools = [
  {
    name: "nats-server",
    variable: "NATS_SERVER_BIN",
    programs: ["nats-server"],
    places: ["/usr/sbin/nats-server", "/usr/local/bin/nats-server"],
    debianPackage: "nats-server",
    elsewhere: "macOS: brew install nats-server",
    tests: "tests over NATS and across processes",
  },
  {
    name: "chromium",
    variable: "CHROMIUM",
    programs: ["chromium", "chromium-browser", "google-chrome"],
    places: ["/usr/bin/chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
    debianPackage: "chromium",
    elsewhere: "any Chrome or Chromium will do",
    tests: "tests in the browser",
  },
];

/**
 * @param {Tool} tool
 * @param {NodeJS.ProcessEnv} environment
 * @returns {string | undefined} full path
 */
export function findTool(tool, environment) {
  const named = environment[tool.variable];
  // A path that the user gave is the only one looked at: a silent substitute would hide the mistake.
  if (named !== undefined && named !== "") return isProgram(named) ? named : undefined;
  const folders = (environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const onPath = tool.programs.flatMap((program) => folders.map((folder) => join(folder, program)));
  return [...onPath, ...tool.places].find(isProgram);
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * @param {Tool} tool
 * @param {NodeJS.ProcessEnv} environment
 */
export function describeMissing(tool, environment) {
  const named = environment[tool.variable];
  return named !== undefined && named !== ""
    ? `${tool.variable} names ${named}, which is no program`
    : `${tool.name} is not installed (Debian: apt-get install ${tool.debianPackage}; ${tool.elsewhere}; ` +
        `or set ${tool.variable} to its path)`;
}

/** @param {NodeJS.ProcessEnv} environment */
export function isCi(environment) {
  return !["", "0", "false"].includes(environment["CI"] ?? "");
}

/**
 * Installs what is missing where it may (root on Debian); else says what to install.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @param {(line: string) => void} say
 * @throws Error under CI when a tool is missing at the end
 */
export async function ensureTools(environment, say) {
  const canInstall = process.getuid?.() === 0 && existsSync("/etc/debian_version");
  for (const tool of testTools) {
    if (findTool(tool, environment) !== undefined) continue;
    if (canInstall && !environment[tool.variable]) await installFromDebian(tool, say);
    if (findTool(tool, environment) !== undefined) continue;
    const missing = describeMissing(tool, environment);
    if (isCi(environment)) throw new Error(missing);
    say(`${missing}; ${tool.tests} are skipped`);
  }
}

/**
 * @param {Tool} tool
 * @param {(line: string) => void} say
 */
async function installFromDebian(tool, say) {
  say(`installing ${tool.name} from Debian's packages`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const policy = "/usr/sbin/policy-rc.d";
  // Debian starts a service with its package; exit code 101 of this file forbids it.
  const ownPolicy = !existsSync(policy);
  if (ownPolicy) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await runCommand("apt-get", ["update", "-q"], { env: environment });
    const outcome = await runCommand(
      "apt-get",
      ["install", "-q", "-y", "--no-install-recommends", tool.debianPackage],
      { env: environment },
    );
    if (outcome.code !== 0) say(`apt-get could not install it: ${outcome.output.trim().split("\n").at(-1)}`);
  } finally {
    if (ownPolicy) rmSync(policy, { force: true });
  }
}
