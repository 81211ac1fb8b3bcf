/** Raw values as numbers and as texts. The fitting and the encoding of a table read them alike. */
import type { RawValue } from "./raw-rows.ts";

type Fail = (sentence: string) => never;

const shownLength = 60;

function show(value: RawValue): string {
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}

/** Elements of a value in a column of numbers: 1, or the length of a list. */
export function widthOf(value: RawValue): number {
  return Array.isArray(value) ? value.length : 1;
}

/** Refuses a value that has not `width` elements: a row without the column, or with another list. */
export function expectWidth(value: RawValue, width: number, column: string, fail: Fail): void {
  if (widthOf(value) === width) return;
  fail(`column ${column}: expected ${width === 1 ? "a number" : `${width} numbers`}, got ${show(value)}`);
}

/** Element `element` of a value in a column of numbers. */
export function numberOf(value: RawValue, element: number, column: string, fail: Fail): number {
  const single = typeof value === "object" && value !== null ? value[element] : value;
  const number = typeof single === "string" ? numberOfText(single) : Number(single ?? Number.NaN);
  return Number.isFinite(number) ? number : fail(`column ${column}: expected a number, got ${show(value)}`);
}

function numberOfText(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}

/** A value in a column of classes or categories. */
export function textOf(value: RawValue, column: string, fail: Fail): string {
  if (value === null || typeof value === "object") {
    return fail(`column ${column}: expected a text or a number, got ${show(value)}`);
  }
  return String(value).trim();
}
