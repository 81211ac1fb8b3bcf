/** Turns a schema into the check that an actor is spawned with. */
import { isRef, type Ref } from "@shoal/actors";
import { isErrorCode, ShoalError, type SerializedError } from "@shoal/errors";
import { z } from "zod";

/** Accepts any live reference; what it accepts in turn is the sender's promise. */
export function refSchema<M>(): z.ZodType<Ref<M>> {
  return z.custom<Ref<M>>((value) => isRef(value), "expected an actor reference");
}

/** @throws ShoalError codec_failed - the body does not fit the schema; the message names the field */
export function acceptorOf<M>(schema: z.ZodType<M>): (body: unknown) => M {
  return (body) => {
    const result = schema.safeParse(body);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    const field = issue === undefined ? "" : issue.path.join(".");
    throw new ShoalError("codec_failed", `message field "${field}": ${issue?.message ?? "invalid"}`, { field });
  };
}

/**
 * The union of messages that differ in their `type`, which alone says what checks a message: one schema is tried, not all.
 * @throws Error - two of them have the same type, or one has none
 */
export function unionByType<M>(schemas: readonly z.ZodType<M>[]): z.ZodType<M> {
  type Options = Parameters<typeof z.discriminatedUnion>[1];
  return z.discriminatedUnion("type", schemas as unknown as Options) as unknown as z.ZodType<M>;
}

/** Names of nodes and runs: what a subject token and a file name can hold. */
export const nameSchema: z.ZodType<string> = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/);
/** Counters and identifiers that travel as unsigned 32-bit numbers. */
export const countSchema: z.ZodType<number> = z.uint32();
/** Sums of bytes, which outgrow 32 bits within minutes. */
export const bytesSchema: z.ZodType<number> = z.int().min(0);
export const positiveSchema: z.ZodType<number> = z.uint32().min(1);

/** An error on the wire. A code that this version does not know (a newer peer's) reads as `internal`. */
export const errorSchema: z.ZodType<SerializedError> = z.strictObject({
  code: z
    .string()
    .max(64)
    .transform((code) => (isErrorCode(code) ? code : "internal")),
  message: z.string().max(4096),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
