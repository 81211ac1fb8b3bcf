/** The error of a lost compare-and-set. */
import { ShoalError } from "@shoal/errors";

/** @param found - the stored revision, undefined when it is not known or there is none */
export function storeConflict(key: string, expected: string, found: number | undefined, cause?: unknown): ShoalError {
  const state = found === undefined ? "has changed or is gone" : `is at revision ${String(found)}`;
  const details = found === undefined ? { key, expected } : { key, expected, found };
  return new ShoalError("store_conflict", `key ${key} ${state}, expected ${expected}`, details, { cause });
}
