import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { denseInput, labelTarget, numberTarget } from "../../../../test/support/columns.ts";
import { csvDataset } from "./csv-dataset.ts";
import { createCsvParser } from "./csv-parser.ts";
import { createCsvTableReader, type LabelTexts } from "./csv-table.ts";
import type { CsvDatasetSpec } from "./dataset-spec.ts";
import type { Dataset } from "./dataset.ts";

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

function dataset(text: string, given: Partial<CsvDatasetSpec> = {}, testText?: string): Dataset {
  const spec: CsvDatasetSpec = { type: "csv", file: "data.csv", labelColumn: "y", ...given };
  const texts: LabelTexts = new Map();
  const read = (content: string, file: string): ReturnType<ReturnType<typeof createCsvTableReader>["table"]> => {
    const reader = createCsvTableReader(file, spec, texts);
    reader.push(content);
    reader.end();
    return reader.table();
  };
  const table = read(text, "data.csv");
  return csvDataset(spec, table, testText === undefined ? undefined : read(testText, "test.csv"), texts);
}

const plain = { normalisation: "none" } as const;

describe("CSV data sets", () => {
  it("number classes in sorted order and keep the columns beside the label", () => {
    const { train, test } = dataset("a,y,b\n1,dog,2\n3,cat,4\n", plain, "a,y,b\n5,eel,6\n");
    expect([labelTarget(train).classes, denseInput(train).width]).toEqual([3, 2]);
    expect([...denseInput(train).values]).toEqual([1, 2, 3, 4]);
    expect([...labelTarget(train).values]).toEqual([1, 0]);
    expect([...labelTarget(test).values]).toEqual([2]);
  });

  it("sort labels that are numbers as numbers", () => {
    const { train } = dataset("y,a\n10,0\n9,0\n-1,0\n", plain, "y,a\n9,0\n");
    expect([...labelTarget(train).values]).toEqual([2, 1, 0]);
  });

  it("read files without a header by index, and numbers to predict", () => {
    const { train } = dataset(
      "1,2,0.5\n3,4,1.5\n",
      { ...plain, hasHeader: false, labelColumn: 2, labelKind: "number" },
      "1,1,1",
    );
    expect([...numberTarget(train)]).toEqual([0.5, 1.5]);
  });

  it("keep every tenth row for testing when there is no test file", () => {
    const rows = Array.from({ length: 25 }, (_, row) => `${row},${row % 2}`).join("\n");
    const { train, test } = dataset(`a,y\n${rows}`, plain);
    expect([...denseInput(test).values]).toEqual([9, 19]);
    expect(train.count).toBe(23);
    expect(() => dataset("a,y\n1,0\n", plain)).toThrow("expected at least 10 rows");
  });

  it("scale columns to mean 0 and deviation 1 over the training rows", () => {
    const { train, test } = dataset("a,c,y\n1,5,0\n3,5,1\n", {}, "a,c,y\n5,6,0\n");
    expect([...denseInput(train).values]).toEqual([-1, 0, 1, 0]);
    expect([...denseInput(test).values]).toEqual([3, 1]);
  });

  it.each([
    ["a,b\n1,2\n", "there is no label column y; the columns are a, b (line 1)"],
    ["a,y\n1,2,3\n", "expected 2 fields, found 3 (line 2)"],
    ["a,y\n1,0\nx,1\n", 'column a: expected a number, got "x" (line 3)'],
    ["a,y\n,0\n", 'column a: expected a number, got "" (line 2)'],
    ["y\n1\n", "expected at least one column beside the label (line 1)"],
    ["a,y\n", "the file has no rows (line 1)"],
  ])("tell file and line of %j", (text, sentence) => {
    expect(() => dataset(text)).toThrow(`[data_corrupt] data.csv: ${sentence}`);
  });

  it("refuse a test file of another width", () => {
    expect(() => dataset("a,y\n1,0\n", plain, "a,b,y\n1,2,0\n")).toThrow("as in data.csv, found 2");
  });
});
