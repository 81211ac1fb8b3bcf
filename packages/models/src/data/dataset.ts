/** A data set in memory. A `Split` can be posted to a thread: its arrays stand on shared memory where that exists. */
export interface Split {
  /** Samples. */
  readonly count: number;
  /** Columns of `inputs`. */
  readonly features: number;
  /** [count, features]; bytes stand for `scale · (byte − shift)`, floats for themselves. */
  readonly inputs: Uint8Array | Float32Array;
  readonly scale: number;
  readonly shift: number;
  /** [count] classes; all 0 where the data set has numbers to predict. */
  readonly labels: Int32Array;
  /** [count] numbers to predict, only for data sets without classes. */
  readonly targets: Float32Array | undefined;
}

export interface Dataset {
  readonly name: string;
  /** One sentence for people: where the data came from. */
  readonly source: string;
  readonly features: number;
  /** 0 for data sets that have numbers to predict. */
  readonly classes: number;
  readonly train: Split;
  readonly test: Split;
}
