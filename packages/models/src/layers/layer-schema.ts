/** The pieces that schemas of layers are made of; each says in words what it expects. */
import { activationNames, type Activation } from "@shoal/kernels-wasm";
import * as z from "zod/mini";
import { modelBounds } from "../spec/model-bounds.ts";

const countWords = "a positive integer";
const nameWords = `a name of 1 to ${modelBounds.nameLength} letters, digits, '.', '_' or '-', that is not a number`;
const fromWords = `the name of a layer or an input, or a list of 1 to ${modelBounds.readers} of them`;

/** A positive integer up to the greatest width of a value. */
export const countField: z.ZodMiniNumber = z
  .int({ error: countWords })
  .check(z.minimum(1, { error: countWords }), z.maximum(modelBounds.width, { error: `at most ${modelBounds.width}` }));

export const booleanField: z.ZodMiniBoolean = z.boolean({ error: "true or false" });

export const activationField: z.ZodMiniType<Activation> = z.enum(activationNames, {
  error: `one of ${activationNames.join(", ")}`,
});

/** A number in [0, 1). */
export const rateField: z.ZodMiniNumber = z
  .number({ error: "a number in [0, 1)" })
  .check(z.minimum(0, { error: "a number in [0, 1)" }), z.lt(1, { error: "a number in [0, 1)" }));

export const positiveField: z.ZodMiniNumber = z
  .number({ error: "a positive number" })
  .check(z.positive({ error: "a positive number" }));

/** A layer's, an input's or an output's name. */
export const nameField: z.ZodMiniString = z
  .string({ error: nameWords })
  .check(
    z.regex(/^(?!\d+$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, { error: nameWords }),
    z.maxLength(modelBounds.nameLength, { error: nameWords }),
  );

/** `^` is the input of the layer that this one is in. */
const reference = z.union([z.literal("^"), nameField], { error: fromWords });

/** As a type, not an interface: a shape of zod has to take part in an intersection without an index signature. */
type CommonFields = {
  readonly name: z.ZodMiniOptional<z.ZodMiniType<string>>;
  readonly from: z.ZodMiniOptional<z.ZodMiniType<string | readonly string[]>>;
  readonly frozen: z.ZodMiniOptional<z.ZodMiniType<boolean>>;
};

const commonFields: CommonFields = {
  name: z.optional(nameField),
  from: z.optional(
    z.union([reference, z.array(reference).check(z.minLength(1), z.maxLength(modelBounds.readers))], {
      error: fromWords,
    }),
  ),
  frozen: z.optional(booleanField),
};

/** Strict schema of the layers of one type: its own fields and those that every layer has. */
export function layerSchema<T extends string, F extends z.core.$ZodShape>(
  type: T,
  fields: F,
): z.ZodMiniObject<{ readonly type: z.ZodMiniLiteral<T> } & CommonFields & F, z.core.$strict> {
  return z.strictObject({ type: z.literal(type), ...commonFields, ...fields });
}
