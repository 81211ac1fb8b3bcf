/** The rows of a CSV file, with the names of its columns. */
import { createCsvParser, type CsvParser } from "./csv-parser.ts";
import { corruptAt, type TableVisitor } from "./raw-rows.ts";

export interface CsvFormat {
  readonly delimiter?: string | undefined;
  readonly hasHeader?: boolean | undefined;
}

/** Feed it the file's text piece by piece; columns without a header are called 0, 1, 2, … */
export function createCsvRows(file: string, format: CsvFormat, visitor: TableVisitor): CsvParser {
  const place = { file, unit: "line" } as const;
  let columns = -1;
  let rows = 0;
  const parser = createCsvParser(file, format.delimiter ?? ",", (fields, line) => {
    if (columns < 0) {
      const isHeader = format.hasHeader !== false;
      columns = fields.length;
      visitor.columns(isHeader ? fields.map((name) => name.trim()) : fields.map((_, index) => String(index)), line);
      if (isHeader) return;
    }
    if (fields.length !== columns) throw corruptAt(place, line, `expected ${columns} fields, found ${fields.length}`);
    rows += 1;
    visitor.row(fields, line);
  });
  return {
    push: (text) => parser.push(text),
    end() {
      parser.end();
      if (rows === 0) throw corruptAt(place, 1, "the file has no rows");
    },
  };
}
