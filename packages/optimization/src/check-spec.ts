/** Checks data from outside against a schema and says which field is wrong and what was expected. */
import { ShoalError } from "@shoal/errors";
import * as z from "zod/mini";

/** A closed union told apart by `name`: one schema a name. */
export type SchemasByName<T extends { readonly name: string }> = {
  readonly [N in T["name"]]: z.core.$ZodType<Extract<T, { readonly name: N }>>;
};

/**
 * @param what - noun for the message, such as "optimizer"
 * @param value - borrowed
 * @returns a copy with every default filled in
 * @throws ShoalError invalid_argument - details name the field
 */
export function checkSpec<T extends { readonly name: string }>(
  what: string,
  schemas: SchemasByName<T>,
  value: unknown,
): T {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(what, "", `expected an object with a name, found ${describe(value)}`);
  }
  const name: unknown = (value as { readonly name?: unknown }).name;
  if (typeof name !== "string" || !Object.hasOwn(schemas, name)) {
    throw invalid(what, "name", `expected one of ${Object.keys(schemas).join(", ")}, found ${describe(name)}`);
  }
  const result = z.safeParse(schemas[name as T["name"]], value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join(".") ?? "";
  if (issue?.code === "unrecognized_keys") {
    const keys = issue.keys.map((key) => `"${key}"`).join(", ");
    throw invalid(
      what,
      path,
      `${name} has no such option: ${keys}${path === "" ? knownText(schemas[name as T["name"]]) : ""}`,
    );
  }
  throw invalid(what, path, issue?.message ?? "invalid");
}

/** The options that there are, for the reader who misspelt one. */
function knownText(schema: z.core.$ZodType): string {
  const definition = schema._zod.def as { readonly shape?: object; readonly in?: z.core.$ZodType };
  // Defaults that follow from other options are filled in by a transformation behind the schema of the options.
  if (definition.in !== undefined) return knownText(definition.in);
  const { shape } = definition;
  const options = Object.keys(shape ?? {}).filter((key) => key !== "name");
  return options.length === 0 ? "" : `; it has ${options.join(", ")}`;
}

function invalid(what: string, path: string, expectation: string): ShoalError {
  const field = path === "" ? what : `${what}.${path}`;
  return new ShoalError("invalid_argument", `${field}: ${expectation}`, { field });
}

function describe(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : value === null ? "null" : typeof value;
}
