/** What one sample of a column is: all that has to be known to see whether a model fits. */
import type { Column, StoredContent } from "./column.ts";
import type { Dataset } from "./dataset.ts";

export type ColumnShape =
  | { readonly kind: "floats"; readonly width: number }
  /** One class a sample. */
  | { readonly kind: "labels"; readonly classes: number }
  | { readonly kind: "tokens"; readonly length: number; readonly vocabulary: number }
  | { readonly kind: "sparse"; readonly features: number; readonly active: number };

/** What a data set is to a model. */
export interface DatasetShape {
  readonly name: string;
  readonly inputs: Readonly<Record<string, ColumnShape>>;
  readonly targets: Readonly<Record<string, ColumnShape>>;
}

export function shapeOfColumn(column: Column): ColumnShape {
  switch (column.kind) {
    case "dense":
      return { kind: "floats", width: column.width };
    case "labels":
      return { kind: "labels", classes: column.classes };
    case "windows":
      return { kind: "tokens", length: column.length, vocabulary: column.vocabulary };
    case "sparse":
      return { kind: "sparse", features: column.features, active: column.active };
    case "stored":
      return shapeOfContent(column.content);
  }
}

function shapeOfContent(content: StoredContent): ColumnShape {
  switch (content.kind) {
    case "floats":
    case "bytes":
      return { kind: "floats", width: content.width };
    case "labels":
      return { kind: "labels", classes: content.classes };
    case "tokens":
      return { kind: "tokens", length: content.length, vocabulary: content.vocabulary };
    case "sparse":
      return { kind: "sparse", features: content.features, active: content.active };
  }
}

/** Training and test split have the same columns, but rows of the test split may have more entries. */
export function shapeOfDataset({ name, train, test }: Pick<Dataset, "name" | "train" | "test">): DatasetShape {
  const shapes = (columns: Readonly<Record<string, Column>>, others: Readonly<Record<string, Column>>) =>
    Object.fromEntries(
      Object.entries(columns).map(([key, column]): [string, ColumnShape] => {
        const shape = shapeOfColumn(column);
        const other = others[key];
        if (shape.kind !== "sparse" || other === undefined) return [key, shape];
        const otherShape = shapeOfColumn(other);
        const active = otherShape.kind === "sparse" ? Math.max(shape.active, otherShape.active) : shape.active;
        return [key, { ...shape, active }];
      }),
    );
  return { name, inputs: shapes(train.inputs, test.inputs), targets: shapes(train.targets, test.targets) };
}

/** For people: `784 numbers`, `one of 10 classes`. */
export function describeColumnShape(shape: ColumnShape): string {
  switch (shape.kind) {
    case "floats":
      return shape.width === 1 ? "a number" : `${shape.width} numbers`;
    case "labels":
      return `one of ${shape.classes} classes`;
    case "tokens":
      return `${shape.length} tokens of ${shape.vocabulary}`;
    case "sparse":
      return `sparse rows of ${shape.features} features with up to ${shape.active} entries`;
  }
}
