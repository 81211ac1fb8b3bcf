/**
 * One text for one value: JSON with sorted keys and no spaces, numbers as ECMAScript writes them.
 *
 * Source  RFC 8785 (JSON Canonicalization Scheme). What JSON would change silently (NaN, undefined, typed arrays, −0, text
 *         that is no Unicode) is refused: the text must stand for the value.
 */
import { ShoalError } from "@shoal/errors";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Levels of nesting that are read. */
const greatestDepth = 32;

/** @throws ShoalError invalid_argument - names the place of what is no JSON */
export function canonicalJson(value: unknown): string {
  return written(value, "$", greatestDepth);
}

function written(value: unknown, path: string, depth: number): string {
  if (depth === 0) throw refusal(path, `is nested more than ${greatestDepth} deep`);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value) || Object.is(value, -0))
      throw refusal(path, `is ${Object.is(value, -0) ? "-0" : value}`);
    return JSON.stringify(value);
  }
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw refusal(path, "is text with half a character");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map((each, index) => written(each, `${path}[${index}]`, depth - 1)).join(",")}]`;
  }
  if (typeof value === "object" && isPlain(value)) {
    const record = value as Readonly<Record<string, unknown>>;
    const fields = Object.keys(record)
      .sort((a, b) => (a < b ? -1 : 1))
      .map((key) => `${written(key, `${path} key`, 2)}:${written(record[key], `${path}.${key}`, depth - 1)}`);
    return `{${fields.join(",")}}`;
  }
  throw refusal(path, `is ${typeof value === "object" ? "no plain object" : typeof value}`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

const refusal = (path: string, what: string): ShoalError =>
  new ShoalError("invalid_argument", `a record cannot hold this: ${path} ${what}`, { field: path });
