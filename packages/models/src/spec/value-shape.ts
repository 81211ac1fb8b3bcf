/** What flows between layers: the shape of one sample's value, without the batch axis. */

/** Row-major float32, such as `[784]`, `[channels, height, width]` or `[positions, width]`. */
export interface FloatsShape {
  readonly kind: "floats";
  readonly shape: readonly number[];
}

/** int32 token numbers in `[0, vocabulary)`; `shape` is `[positions]`. */
export interface TokensShape {
  readonly kind: "tokens";
  readonly shape: readonly number[];
  readonly vocabulary: number;
}

/** A sparse row: at most `active` pairs of a feature in `[0, features)` and its value. */
export interface SparseShape {
  readonly kind: "sparse";
  readonly features: number;
  readonly active: number;
}

export type ValueShape = FloatsShape | TokensShape | SparseShape;

/** Elements of a shape; 1 for the empty one. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

export function floatsOf(...shape: readonly number[]): FloatsShape {
  return { kind: "floats", shape };
}

/** For people: `784`, `3×32×32`, `64 tokens of 65`, `sparse rows of 123 features`. */
export function describeShape(value: ValueShape): string {
  switch (value.kind) {
    case "floats":
      return value.shape.length === 0 ? "1" : value.shape.join("×");
    case "tokens":
      return `${value.shape.join("×")} tokens of ${value.vocabulary}`;
    case "sparse":
      return `sparse rows of ${value.features} features`;
  }
}
