import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCsvParser } from "./csv-parser.ts";

/** Feeds the text in pieces of `piece` characters. */
function parse(text: string, piece = 3, delimiter = ","): { fields: string[]; line: number }[] {
  const rows: { fields: string[]; line: number }[] = [];
  const parser = createCsvParser("data.csv", delimiter, (fields, line) => rows.push({ fields, line }));
  for (let begin = 0; begin < text.length; begin += piece) parser.push(text.slice(begin, begin + piece));
  parser.end();
  return rows;
}

const fieldsOf = (text: string, delimiter = ","): string[][] => parse(text, 3, delimiter).map(({ fields }) => fields);

describe("the CSV parser", () => {
  it("reads quoted fields with delimiters, quotes and line breaks in them", () => {
    expect(fieldsOf('a,"b,c","say ""hi""","two\nlines"\r\n1,2,,""\n')).toEqual([
      ["a", "b,c", 'say "hi"', "two\nlines"],
      ["1", "2", "", ""],
    ]);
    expect(fieldsOf("1;2\n3;4", ";")).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
  });

  it("counts lines through quoted line breaks and skips empty ones", () => {
    expect(parse('a\n\n"b\nb"\nc\n').map(({ line }) => line)).toEqual([1, 3, 5]);
  });

  it("reads back whatever was quoted, however it is cut", () => {
    const field = fc.string({ unit: fc.constantFrom("a", "7", " ", ",", '"', "\n", "ü") });
    const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 });
    fc.assert(
      fc.property(table, fc.integer({ min: 1, max: 9 }), (rows, piece) => {
        const quote = (value: string): string => `"${value.replaceAll('"', '""')}"`;
        const text = rows.map((row) => `${row.map(quote).join(",")}\n`).join("");
        expect(parse(text, piece).map(({ fields }) => fields)).toEqual(rows);
      }),
    );
  });

  it.each([
    ['a\n"open', "the quote opened in the row of line 2 is not closed (line 2)"],
    ['a\nb"c', "a quote inside of a field that does not begin with one (line 2)"],
    ['"a"b', "expected a delimiter behind a closing quote, found b (line 1)"],
  ])("tells the line of %j", (text, sentence) => {
    expect(() => parse(text)).toThrow(`[data_corrupt] data.csv: ${sentence}`);
  });
});
