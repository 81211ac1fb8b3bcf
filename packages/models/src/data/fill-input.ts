/** Gathers the samples of a batch into one input of a plan. */
import type { FloatsInput, PlanInput, SparseInput, TokensInput } from "../plan/plan-inputs.ts";
import type { ColumnReader } from "./column-reader.ts";
import { misfit } from "./misfit.ts";

/** Copies the samples `order[begin … begin + rows)`. */
export type FillRows = (order: Uint32Array, begin: number, rows: number) => void;

/** @param input gives the plan's input anew: its views move when a private memory grows */
export function inputFiller(reader: ColumnReader, input: () => PlanInput): FillRows {
  const first = input();
  if (first.kind === "floats") return floatsFiller(reader, input as () => FloatsInput, first.width);
  if (first.kind === "tokens") return tokensFiller(reader, input as () => TokensInput, first.length);
  return sparseFiller(reader, input as () => SparseInput, first);
}

function floatsFiller(reader: ColumnReader, input: () => FloatsInput, width: number): FillRows {
  if (reader.kind === "sparse" && reader.features <= width) return scatterFiller(reader, input, width);
  if ((reader.kind !== "floats" && reader.kind !== "bytes") || reader.width !== width) {
    return misfit(reader, `an input of ${width} numbers`);
  }
  return (order, begin, rows) => {
    const place = input();
    if (reader.kind === "floats") {
      const { floats } = place;
      for (let row = 0; row < rows; row += 1) reader.read(order[begin + row] ?? 0, floats, row * width);
      return;
    }
    const { bytes } = place;
    for (let row = 0; row < rows; row += 1) reader.read(order[begin + row] ?? 0, bytes, row * width);
    place.convertBytes(rows, reader.scale, reader.shift);
  };
}

/** Sparse rows for a dense input: what has no entry is 0. */
function scatterFiller(
  reader: Extract<ColumnReader, { kind: "sparse" }>,
  input: () => FloatsInput,
  width: number,
): FillRows {
  const indices = new Int32Array(reader.active);
  const values = new Float32Array(reader.active);
  return (order, begin, rows) => {
    const { floats } = input();
    floats.fill(0, 0, rows * width);
    for (let row = 0; row < rows; row += 1) {
      const entries = reader.read(order[begin + row] ?? 0, indices, values, 0);
      for (let entry = 0; entry < entries; entry += 1) {
        floats[row * width + (indices[entry] ?? 0)] = values[entry] ?? 0;
      }
    }
  };
}

function tokensFiller(reader: ColumnReader, input: () => TokensInput, length: number): FillRows {
  if (reader.kind !== "tokens" || reader.length !== length) return misfit(reader, `an input of ${length} tokens`);
  return (order, begin, rows) => {
    const { tokens } = input();
    for (let row = 0; row < rows; row += 1) reader.read(order[begin + row] ?? 0, tokens, row * length);
  };
}

function sparseFiller(reader: ColumnReader, input: () => SparseInput, { features, active }: SparseInput): FillRows {
  // `active` of a column is met by one of its rows: more than the plan's would not fit its buffers.
  if (reader.kind !== "sparse" || reader.features > features || reader.active > active) {
    return misfit(reader, `an input of ${features} sparse features with up to ${active} entries`);
  }
  return (order, begin, rows) => {
    const { rowOffsets, indices, values } = input();
    let at = 0;
    rowOffsets[0] = 0;
    for (let row = 0; row < rows; row += 1) {
      at += reader.read(order[begin + row] ?? 0, indices, values, at);
      rowOffsets[row + 1] = at;
    }
  };
}
