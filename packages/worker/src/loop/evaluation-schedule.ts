/** When a synchronous run is measured. */
import type { EvaluationSpec } from "@shoal/protocol";

/**
 * True when the values of clock `clock` are to be measured before the step that starts from them. Neither the initial
 * values nor the final ones: those are measured when the run is finished.
 */
export function isEvaluationDue(
  clock: number,
  spec: Pick<EvaluationSpec, "everySteps">,
  plan: { readonly stepsPerEpoch: number; readonly totalSteps: number },
): boolean {
  const every = spec.everySteps ?? plan.stepsPerEpoch;
  return clock > 0 && clock < plan.totalSteps && clock % every === 0;
}
