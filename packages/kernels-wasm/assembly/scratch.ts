/**
 * The part of kernel memory that this instance packs its matrix panels in. Each thread has its own instance and its
 * own scratch; nothing in it outlives a call.
 */

/** Greatest depth (k) of a packed block: panels of A and B then take 21 KiB, which fits a small L1. */
export const BLOCK_DEPTH: i32 = 384;
/** Greatest number of rows of a packed block of A: 144 KiB, well inside any L2. */
export const BLOCK_ROWS: i32 = 96;
/** Greatest number of columns of a packed block of B: 960 KiB. */
export const BLOCK_COLUMNS: i32 = 640;

/** Room for a panel of 8 columns that hang over the edge of C. */
const EDGE_BYTES: usize = <usize>BLOCK_ROWS << 5;
const A_BYTES: usize = <usize>BLOCK_ROWS * BLOCK_DEPTH * 4;
/** Floats of the packed block of B. */
export const B_FLOATS: usize = <usize>BLOCK_COLUMNS * BLOCK_DEPTH;
/** What packs no B has its own blocks there: a convolution behind 512 columns of B (convolution.ts). */
const B_BYTES: usize = 1_253_376;

let base: usize = 0;

/** Bytes that `setScratch` needs at its offset. */
export function scratchBytes(): i32 {
  return <i32>(EDGE_BYTES + A_BYTES + B_BYTES);
}

/** Tells this instance its scratch region; must precede every matrix product. */
export function setScratch(offset: usize): void {
  base = offset;
}

// @ts-ignore: decorator
@inline
export function edge(): usize {
  return base;
}

// @ts-ignore: decorator
@inline
export function packedA(): usize {
  return base + EDGE_BYTES;
}

// @ts-ignore: decorator
@inline
export function packedB(): usize {
  return base + EDGE_BYTES + A_BYTES;
}
