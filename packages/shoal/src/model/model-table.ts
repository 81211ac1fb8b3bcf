/** A model as a table for people. */
import { describeShape, type ModelDescription } from "@shoal/models";

/** Lines of a table: layers, then totals. */
export function modelTable(model: ModelDescription): readonly string[] {
  const { batchSize } = model;
  const head = ["layer", "type", "output", "parameters", "FLOPs", `batch of ${batchSize}`];
  const inputs = model.inputs.map(({ name, shape }) => [name, "input", describeShape(shape), "", "", ""]);
  const layers = model.layers.map(({ name, type, shape, parameters, frozen, flops, bytes }) => [
    name,
    frozen && parameters > 0 ? `${type} (frozen)` : type,
    describeShape(shape),
    parameters === 0 ? "" : parameters.toLocaleString("en-US"),
    flops === 0 ? "" : shortCount(flops),
    shortBytes(bytes),
  ]);
  return [...alignColumns([head, ...inputs, ...layers], 3), "", ...totals(model)];
}

function totals(model: ModelDescription): readonly string[] {
  const { parameters, trainedParameters, parameterBytes, planBytes, flops, batchSize, outputs } = model;
  const fixed =
    parameters === trainedParameters ? "" : `, ${trainedParameters.toLocaleString("en-US")} of them trained`;
  return [
    `parameters     ${parameters.toLocaleString("en-US")}${fixed} (${shortBytes(parameterBytes)})`,
    `FLOPs          ${shortCount(flops)} a sample forward, about three times as many to train`,
    `memory         ${shortBytes(planBytes + 2 * parameterBytes)} to train on batches of ${batchSize}: plan ${shortBytes(planBytes)}, parameters and gradient ${shortBytes(2 * parameterBytes)}`,
    ...outputs.map(({ name, shape, loss }) => `output         ${name}: ${describeShape(shape)}, ${loss.type}`),
  ];
}

/** @param left columns that are aligned to the left; the others hold numbers */
function alignColumns(rows: readonly (readonly string[])[], left: number): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

const thousands = ["", " k", " M", " G", " T"];

/** Three digits with a unit: `1.34 M`. */
export function shortCount(count: number): string {
  return scaled(count, 1000, thousands);
}

export function shortBytes(bytes: number): string {
  return scaled(bytes, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = value;
  let unit = 0;
  while (rest >= base && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(rest) : rest.toPrecision(rest >= 1000 ? 4 : 3)}${units[unit] ?? ""}`;
}
