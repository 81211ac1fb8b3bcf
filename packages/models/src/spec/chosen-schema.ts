/** A schema that is picked by what the value looks like, so that its complaints are about the form that was meant. */
import * as z from "zod/mini";

export function chosenSchema<T>(choose: (value: unknown) => z.ZodMiniType<T>): z.ZodMiniType<T> {
  const choice = z.transform((value: unknown, context): T => {
    const result = choose(value).safeParse(value);
    if (result.success) return result.data;
    context.issues.push(...result.error.issues.map((issue) => ({ ...issue, input: value }) as z.core.$ZodRawIssue));
    return z.NEVER;
  });
  return z.pipe(z.unknown(), choice);
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
