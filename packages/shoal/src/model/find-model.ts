/** Model files as people name them: by path, by the folder they are in, or by the run that wrote them. */
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { ShoalError } from "@shoal/errors";
import { decodeModelFile, type ModelFile } from "@shoal/models";
import { readModelFile } from "../roles/node-kit.ts";

const fileName = "model.safetensors";

/**
 * @param runs folder of the runs
 * @returns the absolute path @throws ShoalError data_not_found, which names the places
 */
export function findModel(model: string, runs: string): string {
  const places = [model, join(model, fileName), join(runs, model, fileName)].map((place) => resolve(place));
  const found = places.find(isFile);
  if (found !== undefined) return found;
  throw new ShoalError("data_not_found", `there is no model ${model}; looked for ${places.join(", ")}`, { model });
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

export interface FoundModel extends ModelFile {
  /** Absolute. */
  readonly path: string;
}

/** @throws ShoalError data_not_found, data_corrupt - both name the file */
export async function readModel(model: string, runs: string): Promise<FoundModel> {
  const path = findModel(model, runs);
  const bytes = await readModelFile(path);
  try {
    return { path, ...decodeModelFile(bytes) };
  } catch (cause) {
    const { code, message, details } = ShoalError.from(cause);
    throw new ShoalError(code, `${path}: ${message.replace(/^\[[a-z_]+\] /, "")}`, details, { cause });
  }
}
