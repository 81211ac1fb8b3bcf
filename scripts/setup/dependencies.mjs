/** Dependencies: are those of the lockfile installed, and if not, `npm ci`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./run-command.mjs";

/** The oldest Node that can run Shoal where the lockfile brings none. */
const oldestNode = [22, 15];

/** @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean, resolved?: string }} LockEntry */
/** @typedef {{ packages?: Record<string, LockEntry> }} Lockfile */

/**
 * Compares what npm recorded of an installation with the lockfile. Contents are compared, not file times: a fresh
 * clone, a restored cache and a switched branch all have misleading ones.
 *
 * @param {Lockfile} wanted `package-lock.json`
 * @param {Lockfile} installed `node_modules/.package-lock.json`, which npm writes last
 * @returns {string | undefined} the first package that is missing or differs
 */
export function findDifference(wanted, installed) {
  for (const [path, entry] of Object.entries(wanted.packages ?? {})) {
    if (!path.includes("node_modules/")) continue;
    const found = installed.packages?.[path];
    if (found === undefined) {
      // Optional packages are binaries of some platform: npm leaves out those of the others.
      if (entry.optional !== true) return path;
    } else if (found.version !== entry.version || found.integrity !== entry.integrity) return path;
  }
  return undefined;
}

/**
 * @param {string} root
 * @returns {string | undefined} why an installation is needed
 */
function whyInstall(root) {
  const record = join(root, "node_modules/.package-lock.json");
  if (!existsSync(record)) return "nothing is installed yet";
  const difference = findDifference(readJson(join(root, "package-lock.json")), readJson(record));
  return difference === undefined ? undefined : `${difference.replace(/^.*node_modules\//, "")} changed`;
}

/**
 * @param {string} path
 * @returns {Lockfile}
 */
function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** @param {string} root */
export function dependenciesAreInstalled(root) {
  return whyInstall(root) === undefined;
}

/**
 * @param {string} root
 * @param {(line: string) => void} say
 */
export async function installDependencies(root, say) {
  const why = whyInstall(root);
  if (why === undefined) return;
  say(`installing dependencies with npm ci: ${why}`);
  // npm tells its scripts where it is; started by hand, the npm on the PATH will do.
  const npm = process.env["npm_execpath"];
  const parameters = ["ci", "--include=dev", "--include=optional", "--no-progress"];
  const outcome =
    npm !== undefined && /\.c?js$/.test(npm)
      ? await runCommand(process.execPath, [npm, ...parameters], { cwd: root })
      : await runCommand("npm", parameters, { cwd: root, shell: process.platform === "win32" });
  if (outcome.code !== 0) {
    const reason = /npm error (?!code)(.*)/.exec(outcome.output)?.[1] ?? outcome.output.trim().split("\n").at(-1);
    throw new Error(`npm ci ended with code ${outcome.code} (${reason}); run it by hand to see everything it says`);
  }
}

/**
 * The Node that runs Shoal: the one that the lockfile brought, else this one.
 *
 * @param {string} root
 * @returns {string} path of the program
 * @throws Error when neither is new enough
 */
export function findNode(root) {
  const own = join(root, "node_modules/.bin", process.platform === "win32" ? "node.cmd" : "node");
  if (existsSync(own)) return own;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return process.execPath;
  throw new Error(
    `the dependencies bring no Node for ${process.platform}-${process.arch} and this one is ${process.version}; ` +
      `install Node ${oldestNode.join(".")} or newer`,
  );
}
