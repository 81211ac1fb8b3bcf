/** A client's own data: some samples of a split, as a split. */
import type { Column, Split } from "@shoal/models";

/**
 * Copies samples. @param relabel what a client believes a label to be; default: what it is
 * @throws TypeError for columns that are neither numbers nor labels
 */
export function selectSamples(split: Split, indices: Uint32Array, relabel?: (label: number) => number): Split {
  const pick = (columns: Split["inputs"]): Split["inputs"] =>
    Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, pickFrom(column, indices, relabel)]));
  return { count: indices.length, inputs: pick(split.inputs), targets: pick(split.targets) };
}

function pickFrom(column: Column, indices: Uint32Array, relabel: (label: number) => number = (label) => label): Column {
  switch (column.kind) {
    case "labels":
      return { ...column, values: Int32Array.from(indices, (index) => relabel(column.values[index] ?? 0)) };
    case "dense": {
      const { width } = column;
      const size = indices.length * width;
      const values = column.values instanceof Uint8Array ? new Uint8Array(size) : new Float32Array(size);
      for (const [at, index] of indices.entries()) {
        values.set(column.values.subarray(index * width, (index + 1) * width), at * width);
      }
      return { ...column, values };
    }
    default:
      throw new TypeError(`a column of ${column.kind} is not dealt to clients`);
  }
}
