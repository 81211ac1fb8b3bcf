/**
 * Where Shoal keeps things on a machine. All follow the XDG base directory specification; a run's own files stand in
 * the folder where the command was given, because people look for them there.
 */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ShoalError } from "@shoal/errors";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Downloaded data sets: `$XDG_CACHE_HOME/shoal` or `~/.cache/shoal`. */
export function cacheFolder(environment: Environment): string {
  return join(environment["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "shoal");
}

/** Files that describe running clusters: `$XDG_STATE_HOME/shoal` or `~/.local/state/shoal`. */
export function stateFolder(environment: Environment): string {
  return join(environment["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state"), "shoal");
}

/** Models and traces: `--runs`, `$SHOAL_RUNS`, or `.shoal/runs` in the working directory. */
export function runsFolder(environment: Environment, asked: string | undefined): string {
  return resolve(asked ?? environment["SHOAL_RUNS"] ?? join(".shoal", "runs"));
}

/**
 * Makes sure that a folder exists and can be written, before hours of training end in an error.
 * @throws ShoalError file_not_writable - says which folder and which option chooses another
 */
export function ensureWritable(folder: string, option: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new ShoalError(
      "file_not_writable",
      `cannot write to ${folder} (${cause instanceof Error ? cause.message : String(cause)}); choose another with ${option}`,
      { folder, parent: dirname(folder) },
      { cause },
    );
  }
}

/**
 * Finds out what each worker would, before any is started.
 * @throws ShoalError data_not_found - there is no such folder
 */
export function requireDataFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new ShoalError("data_not_found", `the data folder ${folder} does not exist; choose another with --data`, {
    folder,
  });
}

/** What a failed write means to people: the place, the reason (a full disk, as a rule) and the way out. */
export function notWritable(file: string, cause: unknown): ShoalError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ShoalError("file_not_writable", `cannot write ${file}: ${reason}`, { file }, { cause });
}
