/** Whether data are what they say of themselves: a program's mistake is told before it takes part in a round. */
import type { Column, Split } from "@shoal/models";

/**
 * @param split - borrowed; every number is looked at once
 * @throws RangeError - a column has other than `count` samples, or a number that none can learn from
 */
export function checkSplit({ count, inputs, targets }: Split): void {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`data have ${count} samples, expected 0 or more`);
  for (const [name, column] of [...Object.entries(inputs), ...Object.entries(targets)]) {
    checkLength(name, column, count);
    if (column.kind === "dense") checkFinite(name, column.values, column.width);
    if (column.kind === "sparse" && column.values !== undefined) checkFinite(name, column.values);
    if (column.kind === "labels") checkLabels(name, column.values, column.classes);
  }
}

function checkLength(name: string, column: Column, count: number): void {
  const [found, expected, what] = lengthOf(column, count);
  if (found >= expected) return;
  throw new RangeError(`column ${name} has ${found} ${what}, expected ${expected} for ${count} samples`);
}

/** What there is, what `count` samples need, and of what. */
function lengthOf(column: Column, count: number): readonly [number, number, string] {
  switch (column.kind) {
    case "dense":
      return [column.values.length, count * column.width, `numbers (${column.width} a sample)`];
    case "labels":
      return [column.values.length, count, "labels"];
    case "windows": {
      const { tokens, stride, begin, length } = column;
      return [tokens.length, count === 0 ? 0 : (count - 1) * stride + begin + length, "tokens"];
    }
    case "sparse":
      return [column.rowOffsets.length, count + 1, "offsets of rows"];
    case "stored":
      // In a file, which whoever wrote it has looked through.
      return [count, count, "records"];
  }
}

function checkFinite(name: string, values: Uint8Array | Float32Array, width?: number): void {
  if (values instanceof Uint8Array) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const place = width === undefined ? `at ${at}` : `in sample ${Math.floor(at / width)}`;
  throw new RangeError(`column ${name} has ${String(values[at])} ${place}, expected finite numbers`);
}

function checkLabels(name: string, values: Int32Array, classes: number): void {
  const at = values.findIndex((label) => label < 0 || label >= classes);
  if (at < 0) return;
  throw new RangeError(`column ${name} has label ${String(values[at])} in sample ${at}, expected 0 to ${classes - 1}`);
}
