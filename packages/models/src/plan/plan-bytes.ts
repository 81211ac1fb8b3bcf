/** What a plan will take, without kernels to run it. */
import { buildGraph } from "../graph/build-graph.ts";
import type { ModelSpec } from "../spec/model-spec.ts";
import { placeHalves } from "./half-buffers.ts";
import { layOutPlan } from "./lay-out.ts";
import { planStages } from "./plan-stages.ts";
import type { Precision } from "./precision.ts";

/** Bytes of the one region that a plan for batches of `batchSize` rows takes. */
export function planBytes(spec: ModelSpec, batchSize: number, precision: Precision = "float32"): number {
  const graph = buildGraph(spec);
  const place = precision === "float32" ? undefined : placeHalves;
  return layOutPlan(graph, planStages(graph), batchSize, place).byteLength;
}
