/** The pieces that schemas of layers are made of; each says in words what it expects. */
import { activationNames, type Activation } from "@shoal/kernels-wasm";
import { z } from "zod";
import { modelBounds } from "../spec/model-bounds.ts";

const countWords = "a positive integer";
const nameWords = `a name of 1 to ${modelBounds.nameLength} letters, digits, '.', '_' or '-', that is not a number`;
const fromWords = `the name of a layer or an input, or a list of 1 to ${modelBounds.readers} of them`;

/** A positive integer up to the greatest width of a value. */
export const countField: z.ZodNumber = z
  .int({ error: countWords })
  .min(1, { error: countWords })
  .max(modelBounds.width, { error: `at most ${modelBounds.width}` });

export const booleanField: z.ZodBoolean = z.boolean({ error: "true or false" });

export const activationField: z.ZodType<Activation> = z.enum(activationNames, {
  error: `one of ${activationNames.join(", ")}`,
});

/** A number in [0, 1). */
export const rateField: z.ZodNumber = z
  .number({ error: "a number in [0, 1)" })
  .min(0, { error: "a number in [0, 1)" })
  .lt(1, { error: "a number in [0, 1)" });

export const positiveField: z.ZodNumber = z
  .number({ error: "a positive number" })
  .positive({ error: "a positive number" });

/** A layer's, an input's or an output's name. */
export const nameField: z.ZodString = z
  .string({ error: nameWords })
  .regex(/^(?!\d+$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, { error: nameWords })
  .max(modelBounds.nameLength, { error: nameWords });

/** `^` is the input of the layer that this one is in. */
const reference = z.union([z.literal("^"), nameField], { error: fromWords });

/** As a type, not an interface: a shape of zod has to take part in an intersection without an index signature. */
type CommonFields = {
  readonly name: z.ZodOptional<z.ZodType<string>>;
  readonly from: z.ZodOptional<z.ZodType<string | readonly string[]>>;
  readonly frozen: z.ZodOptional<z.ZodType<boolean>>;
};

const commonFields: CommonFields = {
  name: nameField.optional(),
  from: z.union([reference, z.array(reference).min(1).max(modelBounds.readers)], { error: fromWords }).optional(),
  frozen: booleanField.optional(),
};

/** Strict schema of the layers of one type: its own fields and those that every layer has. */
export function layerSchema<T extends string, F extends z.ZodRawShape>(
  type: T,
  fields: F,
): z.ZodObject<{ readonly type: z.ZodLiteral<T> } & CommonFields & F, z.core.$strict> {
  return z.strictObject({ type: z.literal(type), ...commonFields, ...fields });
}
