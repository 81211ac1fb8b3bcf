/** The schema of a model's inputs. */
import { z } from "zod";
import { countField, nameField } from "../layers/layer-schema.ts";
import { chosenSchema, isObject } from "./chosen-schema.ts";
import { modelBounds } from "./model-bounds.ts";
import { isSoleInput } from "./model-faces.ts";
import type { InputSpec, ModelSpec } from "./model-spec.ts";
import { elementsOf } from "./value-shape.ts";

const formWords = "an object with shape, or with tokens and vocabulary, or with features and active";
const shapeWords = "a list of 1 to 8 positive integers";
const sizeWords = `a shape of at most ${modelBounds.width} elements`;

const floatsInput: z.ZodType<InputSpec> = z.strictObject({
  shape: z
    .array(countField, { error: shapeWords })
    .min(1, { error: shapeWords })
    .max(8, { error: shapeWords })
    .refine((shape) => elementsOf(shape) <= modelBounds.width, { error: sizeWords }),
});
const tokensInput: z.ZodType<InputSpec> = z.strictObject({ tokens: countField, vocabulary: countField });
const sparseInput: z.ZodType<InputSpec> = z.strictObject({ features: countField, active: countField });
const noInput: z.ZodType<InputSpec> = z.never({ error: formWords });

const inputSchema = chosenSchema<InputSpec>((value) => {
  if (!isObject(value)) return noInput;
  if ("shape" in value) return floatsInput;
  if ("tokens" in value) return tokensInput;
  return "features" in value ? sparseInput : noInput;
});

const countWords = `1 to ${modelBounds.inputs} inputs`;
const namedInputs = z
  .record(nameField, inputSchema)
  .refine((inputs) => Object.keys(inputs).length >= 1 && Object.keys(inputs).length <= modelBounds.inputs, {
    error: countWords,
  });

export const inputsSchema: z.ZodType<ModelSpec["inputs"]> = chosenSchema<ModelSpec["inputs"]>((value) => {
  if (!isObject(value)) return countField;
  return isSoleInput(value) ? inputSchema : namedInputs;
});
