/** Data sets that stand in tables: CSV, JSON lines, Parquet. */
/** How columns of numbers are scaled: not at all, or to mean 0 and deviation 1 over the training rows. */
export type Normalisation = "none" | "standard";

/** `class`: texts or numbers that stand for classes, numbered in sorted order; `number`: to be predicted as it is. */
export type TargetKind = "class" | "number";

/** A column by its name, or by its index from 0. */
export type ColumnReference = string | number;

/** Which columns of a table are what. Either `labelColumn` or `targets` has to be there. */
export interface TableColumnsSpec {
  readonly file: string;
  /** Without it every tenth row of `file` is a test row. */
  readonly testFile?: string | undefined;
  /** The only target, called `output`. */
  readonly labelColumn?: ColumnReference | undefined;
  /** Of the label column; default `class`. */
  readonly labelKind?: TargetKind | undefined;
  /** Several targets by name: one column of a class, or columns of numbers side by side. */
  readonly targets?:
    Readonly<Record<string, { readonly columns: readonly ColumnReference[]; readonly kind: TargetKind }>> | undefined;
  /** Several inputs by name, each of columns side by side. Default: one, called `input`, of all that is no target. */
  readonly inputs?: Readonly<Record<string, readonly ColumnReference[]>> | undefined;
  /** Columns of texts that become one 0 or 1 for each text of the training rows. */
  readonly categories?: readonly ColumnReference[] | undefined;
  /** Default `standard`. */
  readonly normalisation?: Normalisation | undefined;
}

export interface CsvDatasetSpec extends TableColumnsSpec {
  readonly type: "csv";
  /** Default true. */
  readonly hasHeader?: boolean | undefined;
  /** One character; default a comma. */
  readonly delimiter?: string | undefined;
}

/** One JSON object a line; columns are its keys, and may hold lists of numbers. */
export interface JsonLinesDatasetSpec extends TableColumnsSpec {
  readonly type: "jsonl";
}

export interface ParquetDatasetSpec extends TableColumnsSpec {
  readonly type: "parquet";
}

export type TableDatasetSpec = CsvDatasetSpec | JsonLinesDatasetSpec | ParquetDatasetSpec;
