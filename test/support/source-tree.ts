/** Reads the sources of the workspace: which files there are and what they import. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

export const workspaceRoot: string = join(import.meta.dirname, "../..");

const skippedFolders = new Set(["node_modules", "dist", "build", "generated", "vectors", "results"]);
const sourceFile = /\.(ts|mts|mjs|js)$/;

export interface SourceFile {
  /** Relative to the workspace, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** @param folder relative to the workspace; one that does not exist holds no files */
export function readSources(folder: string): readonly SourceFile[] {
  return walk(join(workspaceRoot, folder)).map((path) => ({
    path: relative(workspaceRoot, path).split(sep).join("/"),
    text: readFileSync(path, "utf8"),
  }));
}

function walk(folder: string): readonly string[] {
  return listFolder(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : walk(path);
    return sourceFile.test(entry.name) ? [path] : [];
  });
}

function listFolder(folder: string): ReturnType<typeof readEntries> {
  try {
    return readEntries(folder);
  } catch {
    return [];
  }
}

const readEntries = (folder: string) => readdirSync(folder, { withFileTypes: true });

const importForms = [
  /^\s*(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']/gm,
  /^\s*import\s*["']([^"']+)["']/gm,
  /\bimport\(\s*["']([^"']+)["']/g,
];

/** @returns the module specifiers of all static and dynamic imports and re-exports */
export function readImports(text: string): readonly string[] {
  return importForms.flatMap((form) => [...text.matchAll(form)].map((match) => match[1] ?? ""));
}
