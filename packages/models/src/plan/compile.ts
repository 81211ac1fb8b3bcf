/** Compiles a model in any precision. */
import type { Kernels } from "@shoal/kernels-wasm";
import type { ModelSpec } from "../spec/model-spec.ts";
import { compilePlan, type Arithmetic, type PlanRoom } from "./compile-plan.ts";
import { placeHalves } from "./half-buffers.ts";
import { halfMoves } from "./half-moves.ts";
import { scaledGradient, type LossScale } from "./loss-scale.ts";
import type { Plan } from "./plan.ts";
import { halfCodec, type Precision } from "./precision.ts";

export interface CompileOptions extends PlanRoom {
  /** How activations are stored and weights rounded; default `float32`: not at all. */
  readonly precision?: Precision | undefined;
  /** What the losses are multiplied by while their gradients are computed; default 1. See `loss-scale.ts`. */
  readonly lossScale?: LossScale | undefined;
}

/**
 * Compiles a checked model (see `parseModelSpec`) for batches of up to `batchSize` rows.
 * @throws RangeError when batchSize is not a positive integer; ShoalError out_of_memory
 */
export function compile(spec: ModelSpec, { precision = "float32", lossScale = 1, ...room }: CompileOptions): Plan {
  const gradient = scaledGradient(lossScale);
  return compilePlan(spec, room, { gradient, ...(precision !== "float32" && halvesOf(room.kernels, precision)) });
}

function halvesOf(kernels: Kernels, precision: Precision): Pick<Arithmetic, "halves"> {
  const codec = halfCodec(kernels, precision);
  return { halves: { place: placeHalves, moves: (sources) => halfMoves({ ...sources, codec }) } };
}
