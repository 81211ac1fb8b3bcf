/** Which rows of a file are for testing when there is no test file. */
import { ShoalError } from "@shoal/errors";

const testEvery = 10;
const testRemainder = 9;

/** Every tenth row. */
export const isTestRow = (row: number): boolean => row % testEvery === testRemainder;

/** @throws ShoalError data_corrupt when there is no tenth row */
export function checkTestRows(file: string, rows: number): void {
  if (rows >= testEvery) return;
  const sentence = `expected at least ${testEvery} rows to keep every tenth for testing, found ${rows}`;
  throw new ShoalError("data_corrupt", `${file}: ${sentence}`, { file });
}

/** For people. */
export function describeFiles(file: string, testFile: string | undefined): string {
  return testFile === undefined ? `${file}, every tenth row for testing` : `${file} and ${testFile}`;
}
