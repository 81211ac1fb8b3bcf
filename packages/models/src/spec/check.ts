/** Turns the first complaint of a schema into one sentence with path, expectation and what was found. */
import { ShoalError } from "@shoal/errors";
import type * as z from "zod/mini";

type Issue = z.core.$ZodIssue;

/**
 * Checks a value from outside against a schema whose leaves say in words what they expect.
 * @param root name of the value, the start of every path, such as `model`
 * @throws ShoalError invalid_argument, with `path` in its details
 */
export function check<T>(schema: z.ZodMiniType<T>, value: unknown, root: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = telling(result.error.issues);
  if (issue === undefined) throw new ShoalError("internal", `the schema of ${root} failed without an issue`);
  const path = issue.path.reduce<string>(
    (prefix, key) => (typeof key === "number" ? `${prefix}[${key}]` : `${prefix}.${String(key)}`),
    root,
  );
  throw new ShoalError("invalid_argument", `${path}: ${complaint(issue, valueAt(value, issue.path))}`, { path });
}

/** A misspelt field is missing under its right name and unknown under its own: the second says what to change. */
function telling(issues: readonly Issue[]): Issue | undefined {
  return issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
}

function complaint(issue: Issue, found: unknown): string {
  if (issue.code === "unrecognized_keys") {
    return `unknown field${issue.keys.length > 1 ? "s" : ""} ${issue.keys.join(", ")}`;
  }
  return `expected ${issue.message}, got ${show(found)}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

const shownLength = 60;

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  const text = JSON.stringify(value);
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}
