/** The schema of a model's inputs. */
import * as z from "zod/mini";
import { countField, nameField } from "../layers/layer-schema.ts";
import { chosenSchema, isObject } from "./chosen-schema.ts";
import { modelBounds } from "./model-bounds.ts";
import { isSoleInput } from "./model-faces.ts";
import type { InputSpec, ModelSpec } from "./model-spec.ts";
import { elementsOf } from "./value-shape.ts";

const formWords = "an object with shape, or with tokens and vocabulary, or with features and active";
const shapeWords = "a list of 1 to 8 positive integers";
const sizeWords = `a shape of at most ${modelBounds.width} elements`;

const floatsInput: z.ZodMiniType<InputSpec> = z.strictObject({
  shape: z.array(countField, { error: shapeWords }).check(
    z.minLength(1, { error: shapeWords }),
    z.maxLength(8, { error: shapeWords }),
    z.refine((shape) => elementsOf(shape) <= modelBounds.width, { error: sizeWords }),
  ),
});
const tokensInput: z.ZodMiniType<InputSpec> = z.strictObject({ tokens: countField, vocabulary: countField });
const sparseInput: z.ZodMiniType<InputSpec> = z.strictObject({ features: countField, active: countField });
const noInput: z.ZodMiniType<InputSpec> = z.never({ error: formWords });

const inputSchema = chosenSchema<InputSpec>((value) => {
  if (!isObject(value)) return noInput;
  if ("shape" in value) return floatsInput;
  if ("tokens" in value) return tokensInput;
  return "features" in value ? sparseInput : noInput;
});

const countWords = `1 to ${modelBounds.inputs} inputs`;
const namedInputs = z.record(nameField, inputSchema).check(
  z.refine((inputs) => Object.keys(inputs).length >= 1 && Object.keys(inputs).length <= modelBounds.inputs, {
    error: countWords,
  }),
);

export const inputsSchema: z.ZodMiniType<ModelSpec["inputs"]> = chosenSchema<ModelSpec["inputs"]>((value) => {
  if (!isObject(value)) return countField;
  return isSoleInput(value) ? inputSchema : namedInputs;
});
