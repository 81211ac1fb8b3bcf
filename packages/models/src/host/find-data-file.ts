/** Finds the files that a specification names. */
import { stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { ShoalError } from "@shoal/errors";
import type { DatasetEnvironment } from "./environment.ts";

type SearchFolders = Pick<DatasetEnvironment, "baseFolder" | "dataFolder">;

/**
 * Looks for `file` at the base folder, in the data folder and in the folder `kind` of that, each also packed (`.gz`).
 * @param kind such as `text` or `libsvm` @returns the absolute path; undefined when it is nowhere
 * @throws ShoalError data_not_found when the data folder is asked for and does not exist
 */
export async function findDataFile(
  file: string,
  kind: string,
  environment: SearchFolders,
): Promise<string | undefined> {
  for (const path of placesOf(file, kind, environment)) {
    for (const candidate of [path, `${path}.gz`]) {
      const found = await stat(candidate).catch(() => undefined);
      if (found !== undefined && !found.isDirectory()) return candidate;
    }
  }
  if (environment.dataFolder !== undefined) await checkDataFolder(environment.dataFolder);
  return undefined;
}

/**
 * A misspelt folder must not look like data that is not there: that might be replaced by generated rows.
 * @throws ShoalError data_not_found
 */
export async function checkDataFolder(dataFolder: string): Promise<void> {
  const folder = await stat(dataFolder).catch(() => undefined);
  if (folder?.isDirectory() === true) return;
  throw new ShoalError("data_not_found", `the data folder ${dataFolder} does not exist`, { folder: dataFolder });
}

/** As {@link findDataFile}. @throws ShoalError data_not_found with all places */
export async function requireDataFile(file: string, kind: string, environment: SearchFolders): Promise<string> {
  const found = await findDataFile(file, kind, environment);
  if (found !== undefined) return found;
  const [first = file, ...others] = placesOf(file, kind, environment);
  const sentence = others.length === 0 ? "" : `, nor ${others.join(" or ")}`;
  throw new ShoalError("data_not_found", `${first}: there is no such file${sentence}`, { file: first });
}

function placesOf(file: string, kind: string, { baseFolder, dataFolder }: SearchFolders): readonly string[] {
  const base = resolve(baseFolder ?? ".", file);
  if (isAbsolute(file) || dataFolder === undefined) return [base];
  return [base, join(resolve(dataFolder), file), join(resolve(dataFolder), kind, file)];
}
