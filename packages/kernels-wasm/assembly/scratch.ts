/**
 * The part of kernel memory that this instance packs its matrix panels in. Each thread has its own instance and its
 * own scratch; nothing in it outlives a call.
 */

/** Greatest depth (k) of a packed block: a B panel of 8 columns then takes 8 KiB, a quarter of a small L1. */
export const BLOCK_DEPTH: i32 = 256;
/** Greatest number of rows of a packed block of A: 96 KiB, well inside any L2. */
export const BLOCK_ROWS: i32 = 96;
/** Greatest number of columns of a packed block of B: 1 MiB. */
export const BLOCK_COLUMNS: i32 = 1024;

/** Room for one 6×8 tile whose columns hang over the edge of C. */
const TILE_BYTES: usize = 256;
const A_BYTES: usize = <usize>BLOCK_ROWS * BLOCK_DEPTH * 4;
const B_BYTES: usize = <usize>BLOCK_COLUMNS * BLOCK_DEPTH * 4;

let base: usize = 0;

/** Bytes that `setScratch` needs at its offset. */
export function scratchBytes(): i32 {
  return <i32>(TILE_BYTES + A_BYTES + B_BYTES);
}

/** Tells this instance its scratch region; must precede every matrix product. */
export function setScratch(offset: usize): void {
  base = offset;
}

// @ts-ignore: decorator
@inline
export function edgeTile(): usize {
  return base;
}

// @ts-ignore: decorator
@inline
export function packedA(): usize {
  return base + TILE_BYTES;
}

// @ts-ignore: decorator
@inline
export function packedB(): usize {
  return base + TILE_BYTES + A_BYTES;
}
