/**
 * The micro-kernels, imported from the module `products`: all arithmetic that may be fused stands there, once for each
 * build, and everything around it stands in `core`, once. A call from module to module costs a few nanoseconds, a panel
 * some hundreds or more.
 */

/** Rows of the greatest tile of the build. */
// @ts-ignore: decorator
@external("products", "TILE_ROWS")
export declare const TILE_ROWS: i32;

/** Columns of a tile of any build. */
export const TILE_COLUMNS: i32 = 8;

/** See tile.ts. */
// @ts-ignore: decorator
@external("products", "multiply8")
export declare function multiply8(
  lines: i32,
  a: usize,
  panelDepth: i32,
  begin: i32,
  b: usize,
  stepB: usize,
  depth: i32,
  c: usize,
  stepC: usize,
  accumulate: bool,
): void;

/** See tile.ts. */
// @ts-ignore: decorator
@external("products", "multiply4")
export declare function multiply4(
  lines: i32,
  a: usize,
  b: usize,
  depth: i32,
  c: usize,
  stepC: usize,
  accumulate: bool,
): void;

/** See few-rows.ts. */
// @ts-ignore: decorator
@external("products", "rowProduct")
export declare function rowProduct(
  a: usize,
  stepRow: usize,
  stepDepth: usize,
  b: usize,
  rowBytes: usize,
  c: usize,
  stepC: usize,
  m: i32,
  k: i32,
  n: i32,
  accumulate: bool,
): void;

/** See few-rows.ts. */
// @ts-ignore: decorator
@external("products", "dotProduct")
export declare function dotProduct(
  a: usize,
  stepA: usize,
  b: usize,
  stepB: usize,
  c: usize,
  stepC: usize,
  m: i32,
  k: i32,
  n: i32,
  accumulate: bool,
): void;
