import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isShoalError } from "@shoal/errors";
import { createCsvRows } from "./csv-rows.ts";
import { createJsonRows } from "./json-rows.ts";
import type { RawValue, TableVisitor } from "./raw-rows.ts";

interface Outcome {
  readonly rows: readonly (readonly RawValue[])[];
  readonly isRefused: boolean;
}

/** Collects rows; only data_corrupt may stop it. */
function collect(read: (visitor: TableVisitor) => void): Outcome {
  const rows: (readonly RawValue[])[] = [];
  try {
    read({ columns: () => undefined, row: (values) => rows.push([...values]) });
    return { rows, isRefused: false };
  } catch (error) {
    if (!isShoalError(error, "data_corrupt")) throw error;
    expect(error.details).toHaveProperty("line");
    return { rows, isRefused: true };
  }
}

function readCsv(text: string, piece: number): Outcome {
  return collect((visitor) => {
    const parser = createCsvRows("cut.csv", {}, visitor);
    for (let at = 0; at < text.length; at += piece) parser.push(text.slice(at, at + piece));
    parser.end();
  });
}

function readJson(bytes: Uint8Array, piece: number): Outcome {
  return collect((visitor) => {
    const parser = createJsonRows("cut.jsonl", visitor);
    for (let at = 0; at < bytes.length; at += piece) parser.push(bytes.subarray(at, at + piece));
    parser.end();
  });
}

const text = fc.string({ unit: fc.constantFrom("a", "ü", "😀", '"', ",", "\n", "\\", " ") });
const piece = fc.integer({ min: 1, max: 7 });

describe("a file that is cut at any place", () => {
  it("gives the first rows of a CSV table, its last one short at most, or is refused", () => {
    const table = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(table, piece, fc.nat(), (rows, size, seed) => {
        const quote = (value: string): string => `"${value.replaceAll('"', '""')}"`;
        const whole = `x,y\n${rows.map((row) => row.map(quote).join(",")).join("\n")}\n`;
        expect(readCsv(whole, size).rows).toEqual(rows);
        const outcome = readCsv(whole.slice(0, seed % whole.length), size);
        const sure = outcome.isRefused ? outcome.rows : outcome.rows.slice(0, -1);
        expect(sure).toEqual(rows.slice(0, sure.length));
        expect(outcome.rows.length).toBeLessThanOrEqual(rows.length);
      }),
    );
  });

  it("gives the first rows of JSON lines, or is refused", () => {
    const value = fc.oneof(text, fc.integer(), fc.boolean(), fc.array(fc.integer(), { minLength: 1, maxLength: 3 }));
    const table = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(table, piece, fc.nat(), (rows, size, seed) => {
        const lines = rows.map(([x, y]) => `${JSON.stringify({ x, y })}\n`).join("");
        const bytes = new TextEncoder().encode(lines);
        expect(readJson(bytes, size).rows).toEqual(rows);
        const outcome = readJson(bytes.subarray(0, seed % bytes.length), size);
        expect(outcome.rows).toEqual(rows.slice(0, outcome.rows.length));
        // Only between two lines, and before the last line break, nothing is missing that could be seen.
        if (!outcome.isRefused) expect(outcome.rows.length).toBeGreaterThan(0);
      }),
    );
  });

  it("never breaks a reader, whatever it holds", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), piece, (noise, size) => {
        readJson(noise, size);
        readCsv(new TextDecoder().decode(noise), size);
      }),
    );
  });
});
