/** Reads a job from a TypeScript, JavaScript, JSON or YAML file and checks the whole of it before anything starts. */
import { existsSync, readFileSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { checkJob } from "@shoal/coordinator";
import { ShoalError } from "@shoal/errors";
import type { JobSpec } from "@shoal/protocol";

/** How long a job's module may take to be loaded, what it awaits included. */
const loadLimitMs = 30_000;

/**
 * @param file path of a `.ts`, `.mts`, `.js`, `.mjs` (default export), `.json`, `.yaml` or `.yml` file
 * @throws ShoalError invalid_job - the file is missing, is of another kind, does not parse or holds a wrong field
 */
export async function loadJob(file: string, overrides: Readonly<Record<string, unknown>> = {}): Promise<JobSpec> {
  const path = resolve(file);
  if (!existsSync(path)) {
    throw new ShoalError("invalid_job", `there is no file ${path}; give the path of a job (.ts, .json or .yaml)`, {
      file,
    });
  }
  const input = await readInput(path);
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new ShoalError("invalid_job", `${file} must hold one job object (a TypeScript file: as its default export)`, {
      file,
    });
  }
  return checkJob({ ...input, ...overrides });
}

/** A module that waits for ever would hold the command; one that waits for nothing at all would end it without a word. */
async function importWithin(limitMs: number, path: string): Promise<{ default?: unknown }> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const error = new Error(`it is not loaded after ${limitMs / 1000} s: what does it await?`);
    timer = setTimeout(() => reject(error), limitMs);
  });
  try {
    return await Promise.race([import(pathToFileURL(path).href) as Promise<{ default?: unknown }>, limit]);
  } finally {
    clearTimeout(timer);
  }
}

async function readInput(path: string): Promise<unknown> {
  const kind = extname(path);
  try {
    if ([".ts", ".mts", ".js", ".mjs"].includes(kind)) {
      return (await importWithin(loadLimitMs, path)).default;
    }
    if (kind === ".json") return JSON.parse(readFileSync(path, "utf8"));
    if (kind === ".yaml" || kind === ".yml") return (await import("yaml")).parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ShoalError("invalid_job", `${path} cannot be read as a job: ${why}`, { file: path }, { cause });
  }
  throw new ShoalError("invalid_job", `${path}: a job is a .ts, .mts, .js, .mjs, .json, .yaml or .yml file`, {
    file: path,
  });
}
