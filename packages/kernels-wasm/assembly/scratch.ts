/**
 * The part of kernel memory that this instance packs its matrix panels in. Each thread has its own instance and its
 * own scratch; nothing in it outlives a call.
 */

/** Greatest depth (k) of a packed block: panels of A and B then take 21 KiB, which fits a small L1. */
export const BLOCK_DEPTH: i32 = 384;
/** Greatest number of rows of A that are packed as one block (288 KiB), where they are all there are. */
export const BLOCK_ROWS: i32 = 192;
/** Of more rows, those of one block (144 KiB): beside them the columns of B that are kept (768 KiB) fit an L2 of 1 MiB. */
export const MANY_BLOCK_ROWS: i32 = 96;
export const BLOCK_COLUMNS: i32 = 512;

/** Room for a panel of 8 columns that hang over the edge of C. */
const EDGE_BYTES: usize = <usize>BLOCK_ROWS << 5;
const A_BYTES: usize = <usize>BLOCK_ROWS * BLOCK_DEPTH * 4;
/** More than a block of B needs: a convolution has its own blocks behind 512 columns of B (convolution.ts). */
export const B_BYTES: usize = 1_253_376;

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
