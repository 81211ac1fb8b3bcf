/**
 * How raw values become the columns that a model is trained on: fitted once on the training rows, saved with the model
 * as JSON, and applied again to whatever the model is used on.
 */

/** A column of numbers: (value − mean) / deviation for each of its `width` elements. */
export interface NumberEncoding {
  readonly kind: "number";
  readonly column: string;
  /** 1, or the length of the lists in the column. */
  readonly width: number;
  /** [width] each; undefined: values stay as they are. */
  readonly mean?: readonly number[] | undefined;
  readonly deviation?: readonly number[] | undefined;
}

/** A column of texts: one element for each category, 1 for the row's own; a text that was never met is all 0. */
export interface CategoryEncoding {
  readonly kind: "category";
  readonly column: string;
  readonly categories: readonly string[];
}

export type ColumnEncoding = NumberEncoding | CategoryEncoding;

/** How a text is cut into tokens. */
export type TokenScheme = "characters" | "bytes" | "r50k" | "cl100k";

export type InputPreprocessing =
  /** Columns of a table, side by side. */
  | { readonly kind: "columns"; readonly columns: readonly ColumnEncoding[] }
  /** scale · (byte − shift). */
  | { readonly kind: "bytes"; readonly width: number; readonly scale: number; readonly shift: number }
  /** libsvm: index i of the file is feature i − 1. */
  | { readonly kind: "sparse"; readonly features: number; readonly active: number }
  | {
      readonly kind: "tokens";
      readonly scheme: TokenScheme;
      readonly length: number;
      readonly vocabulary: number;
      /** Token i of the scheme `characters`. */
      readonly characters?: readonly string[] | undefined;
    };

export type TargetPreprocessing =
  /** Class i is the text `names[i]` of the column. */
  | { readonly kind: "classes"; readonly column: string; readonly names: readonly string[] }
  | { readonly kind: "numbers"; readonly columns: readonly string[] }
  /** The tokens that follow those of the input. */
  | { readonly kind: "next_tokens" };

/** Which reader the raw rows came through. */
export type RawFormat = "csv" | "jsonl" | "parquet" | "libsvm" | "text" | "idx";

export interface Preprocessing {
  readonly version: 1;
  readonly format: RawFormat;
  readonly inputs: Readonly<Record<string, InputPreprocessing>>;
  readonly targets: Readonly<Record<string, TargetPreprocessing>>;
  /** Of a CSV file. */
  readonly delimiter?: string | undefined;
  readonly hasHeader?: boolean | undefined;
}
