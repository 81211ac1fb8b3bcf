/**
 * Checks policies from outside and fills in their defaults. Schemas as small as these need no library, and the package
 * goes into pages.
 */
import { ShoalError } from "@shoal/errors";

/** Checks one field. `value` is undefined where it was left out. @throws ShoalError invalid_argument - names `path` */
export type Field<T> = (value: unknown, path: string) => T;

/** The fields of each member of a union told apart by `name`. */
export type FieldsByName<T extends { readonly name: string }> = {
  readonly [N in T["name"]]: {
    readonly [K in Exclude<keyof Extract<T, { readonly name: N }>, "name">]: Field<Extract<T, { readonly name: N }>[K]>;
  };
};

export interface Bounds {
  readonly least?: number;
  readonly greatest?: number;
  /** The value must be greater than this. */
  readonly above?: number;
  /** The value must be less than this. */
  readonly below?: number;
  readonly whole?: boolean;
}

/** A finite number within bounds. Without a fallback it must be given. */
export function number(bounds: Bounds, fallback?: number): Field<number> {
  return (value, path) => {
    const found = value === undefined ? fallback : value;
    if (typeof found === "number" && Number.isFinite(found) && isWithin(found, bounds)) return found;
    throw wrong(path, `expected ${describe(bounds)}, found ${show(found)}`);
  };
}

/** The same, or null. */
export function orNull(field: Field<number>, fallback: number | null): Field<number | null> {
  return (value, path) => {
    const found = value === undefined ? fallback : value;
    return found === null ? null : field(found, path);
  };
}

export function choice<T extends string>(values: readonly T[], fallback: T): Field<T> {
  return (value, path) => {
    const found = values.find((each) => each === (value ?? fallback));
    if (found !== undefined) return found;
    throw wrong(path, `expected one of ${values.join(", ")}, found ${show(value)}`);
  };
}

/** @returns a copy with every default filled in @throws ShoalError invalid_argument - details name the field */
export function parseNamed<T extends { readonly name: string }>(
  what: string,
  table: FieldsByName<T>,
  value: unknown,
): T {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(what, `expected an object with a name, found ${show(value)}`);
  }
  const given = value as Readonly<Record<string, unknown>>;
  const name = given["name"];
  if (typeof name !== "string" || !Object.hasOwn(table, name)) {
    throw wrong(`${what}.name`, `expected one of ${Object.keys(table).join(", ")}, found ${show(name)}`);
  }
  const fields = table[name as T["name"]] as Readonly<Record<string, Field<unknown>>>;
  const unknown = Object.keys(given).find((key) => key !== "name" && !Object.hasOwn(fields, key));
  if (unknown !== undefined) throw wrong(`${what}.${unknown}`, `${name} has no such option`);
  const checked = Object.entries(fields).map(([key, field]) => [key, field(given[key], `${what}.${key}`)]);
  return { name, ...Object.fromEntries(checked) } as T;
}

function isWithin(value: number, { least, greatest, above, below, whole }: Bounds): boolean {
  return (
    value >= (least ?? -Infinity) &&
    value <= (greatest ?? Infinity) &&
    value > (above ?? -Infinity) &&
    value < (below ?? Infinity) &&
    (whole !== true || Number.isSafeInteger(value))
  );
}

function describe({ least, greatest, above, below, whole }: Bounds): string {
  const limits = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(least === undefined ? [] : [`at least ${least}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
    ...(greatest === undefined ? [] : [`at most ${greatest}`]),
  ];
  return [whole === true ? "an integer" : "a number", ...limits].join(" ");
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return `"${value}"`;
  return typeof value === "number" || value === null ? String(value) : typeof value;
}

function wrong(field: string, expectation: string): ShoalError {
  return new ShoalError("invalid_argument", `${field}: ${expectation}`, { field });
}
