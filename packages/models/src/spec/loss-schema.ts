/** The schema of a model's losses. */
import * as z from "zod/mini";
import { nameField, positiveField, rateField } from "../layers/layer-schema.ts";
import { chosenSchema, isObject } from "./chosen-schema.ts";
import { modelBounds } from "./model-bounds.ts";
import type { LossSpec, ModelSpec, WeightedLossSpec } from "./model-spec.ts";

const fileWords = "the path of a model file";
const fileField = z
  .string({ error: fileWords })
  .check(z.minLength(1, { error: fileWords }), z.maxLength(4096, { error: fileWords }));

const lossFields = {
  softmax_cross_entropy: { smoothing: z.optional(rateField) },
  binary_cross_entropy: {},
  mean_squared_error: {},
  huber: { delta: z.optional(positiveField) },
  distillation: { temperature: z.optional(positiveField), teacher: z.optional(fileField) },
} as const satisfies Readonly<Record<LossSpec["type"], z.core.$ZodShape>>;

const types = Object.keys(lossFields);
const typeWords = `${types.slice(0, -1).join(", ")} or ${types.at(-1) ?? ""}`;

type LossOption = z.ZodMiniObject<{ readonly type: z.ZodMiniLiteral<string> }>;

/** @param extra fields that a loss has beside its own */
function lossesWith<T>(extra: z.core.$ZodShape): z.ZodMiniType<T> {
  const options = Object.entries(lossFields).map(([type, fields]) =>
    z.strictObject({ type: z.literal(type), ...fields, ...extra }),
  ) as unknown as [LossOption, ...LossOption[]];
  return z.discriminatedUnion("type", options, { error: typeWords }) as unknown as z.ZodMiniType<T>;
}

const soleLoss = lossesWith<LossSpec>({});
const countWords = `losses of 1 to ${modelBounds.outputs} layers`;
const namedLosses = z.record(nameField, lossesWith<WeightedLossSpec>({ weight: z.optional(positiveField) })).check(
  z.refine((losses) => Object.keys(losses).length >= 1 && Object.keys(losses).length <= modelBounds.outputs, {
    error: countWords,
  }),
);

/** A record of losses holds nothing but objects. */
function isRecord(value: unknown): boolean {
  return isObject(value) && Object.values(value).length > 0 && Object.values(value).every(isObject);
}

export const lossSchema: z.ZodMiniType<ModelSpec["loss"]> = chosenSchema<ModelSpec["loss"]>((value) =>
  isRecord(value) ? namedLosses : soleLoss,
);
