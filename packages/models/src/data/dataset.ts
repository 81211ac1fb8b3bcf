/** A data set as named columns. A `Split` can be posted to a thread: its arrays stand on shared memory where that exists. */
import type { Column } from "./column.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** Names of a data set's only input and only target, unless its specification names them. */
export const onlyInput = "input";
export const onlyTarget = "output";

/** All columns have `count` samples. */
export interface Split {
  readonly count: number;
  readonly inputs: Readonly<Record<string, Column>>;
  /** Empty for samples whose answers are not known. */
  readonly targets: Readonly<Record<string, Column>>;
}

export interface Dataset {
  readonly name: string;
  /** One sentence for people: where the data came from. */
  readonly source: string;
  readonly train: Split;
  readonly test: Split;
  /** How raw values became these columns; undefined where columns were made in another way: new rows cannot be. */
  readonly preprocessing?: Preprocessing | undefined;
}
