/** Predictions as lines: JSON, or CSV with a column for each number. */
import type { SamplePrediction } from "./predict-rows.ts";

export type PredictionFormat = "jsonl" | "csv";

/** Lines with their line ends; a CSV begins with the names of its columns. */
export async function* predictionLines(
  predictions: AsyncIterable<SamplePrediction>,
  format: PredictionFormat,
): AsyncGenerator<string> {
  let isFirst = true;
  for await (const prediction of predictions) {
    if (format === "jsonl") {
      yield `${JSON.stringify(prediction)}\n`;
      continue;
    }
    const fields = flatten("", prediction);
    if (isFirst) yield csvLine(fields.map(([name]) => name));
    isFirst = false;
    yield csvLine(fields.map(([, value]) => value));
  }
}

/** `probabilities.cat` for the field `cat` of `probabilities`. */
function flatten(path: string, value: unknown): readonly (readonly [name: string, value: string])[] {
  if (typeof value !== "object" || value === null) return [[path, String(value)]];
  return Object.entries(value).flatMap(([name, inner]) => flatten(path === "" ? name : `${path}.${name}`, inner));
}

/** RFC 4180: quoted where a delimiter, a quote or a line end is in it. */
function csvLine(fields: readonly string[]): string {
  const quoted = fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field));
  return `${quoted.join(",")}\n`;
}
