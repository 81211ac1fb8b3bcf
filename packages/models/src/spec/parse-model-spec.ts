/** The schema of a model; the graph checks what relates its layers to each other. */
import { ShoalError } from "@shoal/errors";
import * as z from "zod/mini";
import { buildGraph } from "../graph/build-graph.ts";
import { layersSchema } from "../layers/layer-table.ts";
import { check } from "./check.ts";
import { inputsSchema } from "./input-schema.ts";
import { lossSchema } from "./loss-schema.ts";
import { modelBounds } from "./model-bounds.ts";
import type { ModelSpec } from "./model-spec.ts";

/** The schema of {@link ModelSpec}; {@link parseModelSpec} also checks what one field cannot say alone. */
export const modelSpecSchema: z.ZodMiniType<ModelSpec> = z.strictObject(
  { inputs: inputsSchema, layers: layersSchema, loss: lossSchema },
  { error: "an object with inputs, layers and loss" },
);

/**
 * Checks a model from outside. @param root start of the paths in messages
 * @throws ShoalError invalid_argument, naming the field or the layer and what was expected
 */
export function parseModelSpec(value: unknown, root = "model"): ModelSpec {
  checkDepth(value, root);
  const spec = check(modelSpecSchema, value, root);
  buildGraph(spec, root);
  return spec;
}

/** A schema that meets itself would run out of stack on layers within layers within layers. */
function checkDepth(value: unknown, root: string): void {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > modelBounds.depth) {
      const sentence = `layers stand in each other at most ${modelBounds.depth} deep`;
      throw new ShoalError("invalid_argument", `${root}.layers: ${sentence}`, { path: `${root}.layers` });
    }
    level = level.flatMap((each) => {
      const { layers }: { layers?: unknown } = Object(each) as object;
      return Array.isArray(layers) ? (layers as unknown[]) : [];
    });
  }
}
