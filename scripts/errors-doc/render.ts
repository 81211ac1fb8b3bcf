/** The text of docs/ERRORS.md, laid out as prettier would. */
import { errorMeanings, errorTable, isErrorCode, type Retry } from "@shoal/errors";

const introduction = `<!-- Generated from packages/errors/src/error-table.ts by npm run docs:errors. Do not edit. -->

# Errors

Every error that Shoal raises is a \`ShoalError\` with one of these codes. Its message is \`[code] what happened\`, its
details hold the names and numbers. Narrow with \`isShoalError(error, "unknown_shard")\`.

The gRPC status carries the code on the data plane (the code itself is in the trailer \`shoal-error\`); the exit code is what
the \`shoal\` command ends with.
`;

/** Names of the gRPC status numbers. Source: gRPC specification, "Status codes and their use in gRPC". */
const grpcNames: readonly string[] = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

const retrySentence: Readonly<Record<Retry, string>> = {
  never: "no",
  after_backoff: "after a pause",
  after_rejoin: "after joining again",
};

const titles = ["code", "meaning", "retry", "gRPC status", "exit code"];

/** @returns the whole file */
export function renderErrorsDoc(): string {
  const codes = Object.keys(errorTable).filter(isErrorCode);
  const rows = codes.map((code) => {
    const { retry, grpcStatus, exitCode } = errorTable[code];
    const status = `${grpcStatus} ${grpcNames[grpcStatus] ?? "UNKNOWN"}`;
    return [`\`${code}\``, errorMeanings[code], retrySentence[retry], status, String(exitCode)];
  });
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [introduction, line(titles), line(rule), ...rows.map(line), ""].join("\n");
}
