/** What the guard has to say of a run. */
import type { RunState } from "../runs/run-state.ts";

/** Follows the reason of its phase; empty when all is well. */
export function guardText({ guard }: Pick<RunState, "guard">): string {
  const parts = [
    guard.fellBack === null ? "" : `; fell back to inverse staleness weights: ${guard.fellBack}`,
    guard.warning === null ? "" : `; guard: ${guard.warning}`,
  ];
  return parts.join("");
}
