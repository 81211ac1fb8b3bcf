/** The complaint about a column that does not fit its place in a plan. */
import { ShoalError } from "@shoal/errors";
import { describeColumnShape } from "./column-shape.ts";
import type { ColumnReader } from "./column-reader.ts";

/** @param place what the column was meant for, such as `an input of 784 numbers` */
export function misfit(reader: ColumnReader, place: string): never {
  const shape = reader.kind === "bytes" ? ({ kind: "floats", width: reader.width } as const) : reader;
  throw new ShoalError("invalid_argument", `a column of ${describeColumnShape(shape)} does not fit ${place}`);
}
