/** Entry of the module `products`: the micro-kernels, whose sums of products may be fused. Compiled for each build. */
export { multiply4, multiply8, TILE_ROWS } from "./tile";
export { dotProduct, rowProduct } from "./few-rows";
