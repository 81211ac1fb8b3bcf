/** Compiles a model that stays in float32: all that clients of a federated run, which load what they use, ever do. */
import type { ModelSpec } from "../spec/model-spec.ts";
import { compilePlan, type Arithmetic, type PlanRoom } from "./compile-plan.ts";
import type { Plan } from "./plan.ts";
import { gradientOf } from "./run.ts";

const float32: Arithmetic = {
  gradient: (frame, parameters, gradient, rows, draw, gates) =>
    gradientOf(frame, parameters, gradient, rows, draw, 1, gates),
};

/** The plan that `compile` makes without options of its own. @throws as `compile` */
export function compileFloat32(spec: ModelSpec, room: PlanRoom): Plan {
  return compilePlan(spec, room, float32);
}
