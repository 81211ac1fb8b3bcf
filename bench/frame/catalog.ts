/** Finds benchmarks: every folder of bench/ with an index.ts that exports `benchmark`. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Benchmark } from "./report.ts";

/** @returns names in alphabetical order */
export function listBenchmarks(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, "index.ts")))
    .map((entry) => entry.name)
    .sort((left, right) => (left < right ? -1 : 1));
}

/**
 * @param name one of {@link listBenchmarks}
 * @throws TypeError when the module exports no benchmark
 */
export async function loadBenchmark(folder: string, name: string): Promise<Benchmark> {
  const path = join(folder, name, "index.ts");
  const module = (await import(pathToFileURL(path).href)) as { readonly benchmark?: Partial<Benchmark> };
  const { benchmark } = module;
  if (typeof benchmark?.name !== "string" || typeof benchmark.summary !== "string" || benchmark.run === undefined) {
    throw new TypeError(`${path} must export benchmark: { name, summary, run }`);
  }
  return benchmark as Benchmark;
}
