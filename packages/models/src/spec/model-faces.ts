/** What goes into a model and what comes out of it, with the short forms of a specification written out. */
import type { InputSpec, LossSpec, ModelSpec, WeightedLossSpec } from "./model-spec.ts";
import type { ValueShape } from "./value-shape.ts";

/** The names of the input and of the output of a model that does not name them. */
export const soleInputName = "input";
export const soleOutputName = "output";

export function isSoleInput(inputs: object): inputs is InputSpec {
  const { shape, tokens, features }: { shape?: unknown; tokens?: unknown; features?: unknown } = inputs;
  return Array.isArray(shape) || typeof tokens === "number" || typeof features === "number";
}

/** A record of losses has objects in it, a loss has the text `type`. */
export function isSoleLoss(loss: object): loss is LossSpec {
  return typeof (loss as { readonly type?: unknown }).type === "string";
}

function shapeOf(input: InputSpec): ValueShape {
  if ("shape" in input) return { kind: "floats", shape: input.shape };
  if ("tokens" in input) return { kind: "tokens", shape: [input.tokens], vocabulary: input.vocabulary };
  return { kind: "sparse", features: input.features, active: input.active };
}

/** The shapes of a model's inputs by their names, in their order. */
export function inputShapesOf(spec: Pick<ModelSpec, "inputs">): readonly (readonly [string, ValueShape])[] {
  const { inputs } = spec;
  if (typeof inputs === "number") return [[soleInputName, { kind: "floats", shape: [inputs] }]];
  if (isSoleInput(inputs)) return [[soleInputName, shapeOf(inputs)]];
  return Object.entries(inputs).map(([name, input]) => [name, shapeOf(input)] as const);
}

/** Losses by the names of their outputs; undefined `layer` stands for the last layer. */
export function lossesOf(
  spec: Pick<ModelSpec, "loss">,
): readonly { readonly name: string; readonly layer: string | undefined; readonly loss: WeightedLossSpec }[] {
  const { loss } = spec;
  if (isSoleLoss(loss)) return [{ name: soleOutputName, layer: undefined, loss }];
  return Object.entries(loss).map(([name, each]) => ({ name, layer: name, loss: each }));
}
