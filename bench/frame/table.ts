/** A report as an aligned table for the terminal. */
import type { Aim, Report, Row } from "./report.ts";

const titles = ["", "figure", "limit", "ratio", "aim", ""];
/** Columns of figures are aligned to the right. */
const rightAligned = [false, true, true, true, true, false];
const significantDigits = 4;

/** @returns lines without a trailing line break */
export function renderTable(report: Report): string {
  const cells = [titles, ...report.rows.map(renderRow)];
  const widths = titles.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const align = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return rightAligned[column] === true ? cell.padStart(width) : cell.padEnd(width);
  };
  const lines = cells.map((row) => row.map(align).join("  ").trimEnd());
  const notes = report.notes.map((note) => `- ${note}`);
  return [...lines, ...(notes.length > 0 ? ["", ...notes] : [])].join("\n");
}

function renderRow(row: Row): readonly string[] {
  const limit = row.limit === undefined ? "" : `${formatNumber(row.limit)} ${row.unit} ${row.limitName ?? ""}`.trim();
  return [
    row.name,
    `${formatNumber(row.value)} ${row.unit}`,
    limit,
    row.ratio === undefined ? "" : row.ratio.toFixed(3),
    row.aim === undefined ? "" : renderAim(row.aim),
    row.met === undefined ? "" : row.met ? "met" : "MISSED",
  ];
}

function renderAim(aim: Aim): string {
  return `${aim.kind === "at_least" ? "≥" : "≤"} ${aim.ratio}`;
}

/** Four significant digits without an exponent: 0.001234, 12.34, 123400. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const digitsBefore = Math.floor(Math.log10(Math.abs(value))) + 1;
  const decimals = Math.min(Math.max(significantDigits - digitsBefore, 0), 9);
  return value.toFixed(decimals);
}
