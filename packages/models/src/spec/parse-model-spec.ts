/** The schema of a model and the checks that relate its layers to each other. */
import { ShoalError } from "@shoal/errors";
import { z } from "zod";
import { check } from "./check.ts";
import { outputsOf, type LayerSpec, type LossSpec, type ModelSpec } from "./model-spec.ts";
import { layoutOf } from "./parameter-layout.ts";

/** Bounds of what a model from outside may ask for. */
export const modelBounds: {
  readonly parameters: number;
  readonly width: number;
  readonly layers: number;
  readonly nameLength: number;
} = { parameters: 2 ** 28, width: 2 ** 24, layers: 1024, nameLength: 64 };

const widthWords = "a positive integer";
const width = z
  .int({ error: widthWords })
  .min(1, { error: widthWords })
  .max(modelBounds.width, { error: `at most ${modelBounds.width}` });
const activation = z.enum(["identity", "relu", "tanh", "sigmoid", "gelu"], {
  error: "one of identity, relu, tanh, sigmoid, gelu",
});
const nameWords = `a name of 1 to ${modelBounds.nameLength} letters, digits, '_' or '-', that is not a number`;
const name = z
  .string({ error: nameWords })
  .regex(/^(?!\d+$)[A-Za-z0-9_-]+$/, { error: nameWords })
  .max(modelBounds.nameLength, { error: nameWords });

const layer: z.ZodType<LayerSpec> = z.discriminatedUnion(
  "type",
  [
    z.strictObject({
      type: z.literal("dense"),
      outputs: width,
      activation: activation.optional(),
      bias: z.boolean({ error: "true or false" }).optional(),
      name: name.optional(),
    }),
    z.strictObject({ type: z.literal("activation"), function: activation }),
  ],
  { error: "dense or activation" },
);

const smoothingWords = "a number in [0, 1)";
const deltaWords = "a positive number";
const loss: z.ZodType<LossSpec> = z.discriminatedUnion(
  "type",
  [
    z.strictObject({
      type: z.literal("softmax_cross_entropy"),
      smoothing: z
        .number({ error: smoothingWords })
        .min(0, { error: smoothingWords })
        .lt(1, { error: smoothingWords })
        .optional(),
    }),
    z.strictObject({ type: z.literal("binary_cross_entropy") }),
    z.strictObject({ type: z.literal("mean_squared_error") }),
    z.strictObject({
      type: z.literal("huber"),
      delta: z.number({ error: deltaWords }).positive({ error: deltaWords }).optional(),
    }),
  ],
  { error: "softmax_cross_entropy, binary_cross_entropy, mean_squared_error or huber" },
);

const layersWords = `a list of 1 to ${modelBounds.layers} layers`;

/** The schema of {@link ModelSpec}; {@link parseModelSpec} also checks what one field cannot say alone. */
export const modelSpecSchema: z.ZodType<ModelSpec> = z.strictObject(
  {
    inputs: width,
    layers: z
      .array(layer, { error: layersWords })
      .min(1, { error: layersWords })
      .max(modelBounds.layers, { error: layersWords }),
    loss,
  },
  { error: "an object with inputs, layers and loss" },
);

/**
 * Checks a model from outside. @param root start of the paths in messages
 * @throws ShoalError invalid_argument, naming the field or the layer and what was expected
 */
export function parseModelSpec(value: unknown, root = "model"): ModelSpec {
  const spec = check(modelSpecSchema, value, root);
  checkLayers(spec, root);
  checkOutputs(spec, root);
  return spec;
}

function fail(root: string, path: string, sentence: string): never {
  throw new ShoalError("invalid_argument", `${root}.${path}: ${sentence}`, { path: `${root}.${path}` });
}

function checkLayers(spec: ModelSpec, root: string): void {
  const names = new Set<string>();
  let inputs = spec.inputs;
  let parameters = 0;
  for (const [index, each] of spec.layers.entries()) {
    if (each.type !== "dense") continue;
    const label = `layer ${index} (dense)`;
    parameters += each.outputs * (inputs + (each.bias === false ? 0 : 1));
    if (parameters > modelBounds.parameters) {
      const reached = `${label}: with its ${each.outputs}×${inputs} weights the model has ${parameters} parameters`;
      fail(root, `layers[${index}]`, `${reached}, at most ${modelBounds.parameters} are allowed`);
    }
    if (each.name !== undefined && names.has(each.name)) {
      fail(root, `layers[${index}].name`, `${label}: another layer is called "${each.name}" already`);
    }
    if (each.name !== undefined) names.add(each.name);
    inputs = each.outputs;
  }
}

function checkOutputs(spec: ModelSpec, root: string): void {
  if (layoutOf(spec).size === 0) {
    fail(root, "layers", "expected at least one dense layer, else there is nothing to train");
  }
  const outputs = outputsOf(spec);
  if (spec.loss.type === "softmax_cross_entropy" && outputs < 2) {
    const last = spec.layers.findLastIndex((each) => each.type === "dense");
    const wanted = "softmax_cross_entropy needs at least 2 outputs (binary_cross_entropy takes 1)";
    fail(root, `layers[${last}].outputs`, `layer ${last} (dense): ${wanted}, got ${outputs}`);
  }
}
