/** The places of a plan's only input and only output, as a batch filler knows them. */
import type { Plan } from "../plan/plan.ts";
import type { BatchPlace } from "./batch-filler.ts";
import type { FloatsInput, PlanTarget } from "../plan/plan-inputs.ts";
import { onlyInput, onlyTarget } from "./dataset.ts";

export function placeOf(plan: Plan): BatchPlace {
  const input: FloatsInput = {
    kind: "floats",
    width: plan.features,
    get floats() {
      return plan.inputs;
    },
    get bytes() {
      return plan.inputBytes;
    },
    convertBytes: plan.convertBytes,
  };
  const width = plan.outputs;
  const target: PlanTarget =
    plan.labels.length > 0
      ? {
          kind: "labels",
          length: 1,
          classes: width,
          get labels() {
            return plan.labels;
          },
        }
      : {
          kind: "numbers",
          width,
          get numbers() {
            return plan.targets;
          },
        };
  return { batchSize: plan.batchSize, inputs: { [onlyInput]: input }, targets: { [onlyTarget]: target } };
}
