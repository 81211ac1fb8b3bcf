/** Fits the preprocessing of sparse rows in one pass, and applies it. */
import { classLimit, sortedNames } from "./class-names.ts";
import type { StoredContent } from "./column.ts";
import { onlyInput, onlyTarget } from "./dataset.ts";
import type { SparseRow } from "./libsvm.ts";
import { corruptLine, type TextLine } from "./line-splitter.ts";
import type { InputPreprocessing, Preprocessing } from "./preprocessing.ts";
import { recordLayout, type RecordLayout, type RowSink } from "./record-layout.ts";
import type { TargetKind } from "./table-spec.ts";

/** Rows and entries of one split. */
export interface SparseCounts {
  rows: number;
  entries: number;
}

export interface SparseFit {
  visit(row: SparseRow, counts: SparseCounts, file: string, line: TextLine): void;
  /** @param features what the specification says, if anything */
  result(features: number | undefined): Pick<Preprocessing, "inputs" | "targets">;
}

const labelColumn = "label";

export function createSparseFit(kind: TargetKind = "class"): SparseFit {
  const labels = new Set<number>();
  let greatest = -1;
  let active = 1;
  return {
    visit(row, counts, file, line) {
      counts.rows += 1;
      counts.entries += row.length;
      active = Math.max(active, row.length);
      if (row.length > 0) greatest = Math.max(greatest, row.indices[row.length - 1] ?? -1);
      if (kind === "class") labels.add(row.label);
      if (labels.size > classLimit) throw corruptLine(file, line, `more than ${classLimit} different labels`);
    },
    result(features) {
      const input: InputPreprocessing = { kind: "sparse", features: features ?? Math.max(1, greatest + 1), active };
      const inputs = { [onlyInput]: input };
      if (kind === "number") return { inputs, targets: { [onlyTarget]: { kind: "numbers", columns: [labelColumn] } } };
      const names = sortedNames([...labels].map(String));
      return { inputs, targets: { [onlyTarget]: { kind: "classes", column: labelColumn, names } } };
    },
  };
}

/** @param active most entries of a row of these splits; may be more than the model was trained with */
export function sparseLayout(
  preprocessing: Pick<Preprocessing, "inputs" | "targets">,
  active: number,
  hasTargets = true,
): RecordLayout {
  const { input, target } = partsOf(preprocessing);
  const answer: StoredContent =
    target?.kind === "classes" ? { kind: "labels", classes: target.names.length } : { kind: "floats", width: 1 };
  return recordLayout(
    { [onlyInput]: { kind: "sparse", features: input.features, active } },
    hasTargets ? { [onlyTarget]: answer } : {},
  );
}

function partsOf({ inputs, targets }: Pick<Preprocessing, "inputs" | "targets">): {
  readonly input: Extract<InputPreprocessing, { kind: "sparse" }>;
  readonly target: Preprocessing["targets"][string] | undefined;
} {
  const input = inputs[onlyInput];
  if (input?.kind !== "sparse") throw new TypeError("the preprocessing is not that of sparse rows");
  return { input, target: targets[onlyTarget] };
}

/** @returns a function that writes a row into the sink's record and pushes it */
export function sparseEncoder(
  preprocessing: Pick<Preprocessing, "inputs" | "targets">,
  { columns }: RecordLayout,
  sink: RowSink,
): (row: SparseRow, file: string, line: TextLine) => void {
  const { target } = partsOf(preprocessing);
  const numbers = new Map(target?.kind === "classes" ? target.names.map((name, number) => [Number(name), number]) : []);
  const words = new Uint32Array(sink.record);
  const floats = new Float32Array(sink.record);
  const [input, answer] = columns;
  const active = input?.content.kind === "sparse" ? input.content.active : 0;
  const answerAt = answer === undefined ? undefined : answer.at / Float32Array.BYTES_PER_ELEMENT;
  return (row, file, line) => {
    words[0] = row.length;
    for (let entry = 0; entry < row.length; entry += 1) {
      words[1 + entry] = row.indices[entry] ?? 0;
      floats[1 + active + entry] = row.values[entry] ?? 0;
    }
    if (answerAt !== undefined && target?.kind === "numbers") floats[answerAt] = row.label;
    if (answerAt !== undefined && target?.kind === "classes") {
      const number = numbers.get(row.label);
      if (number === undefined) throw corruptLine(file, line, `the class ${row.label} is unknown`);
      words[answerAt] = number;
    }
    sink.push();
  };
}
