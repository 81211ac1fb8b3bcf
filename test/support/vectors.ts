/**
 * Reference vectors: from `$SHOAL_SHARED/golden` where that is set, else the copies in `test/vectors`.
 * Tensors in them are `{ shape, data }`, row-major.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface VectorTensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** @param name file name without `.json`, such as `optimizers` */
export function loadVectors<T>(name: string): T {
  const shared = process.env["SHOAL_SHARED"];
  const folder = shared === undefined ? join(import.meta.dirname, "../vectors") : join(shared, "golden");
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as T;
}
