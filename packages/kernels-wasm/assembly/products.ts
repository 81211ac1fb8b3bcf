/** Entry of the module `products`: kernels whose sums of products may be fused. Compiled for each build. */
export { scratchBytes, setScratch } from "./scratch";
export { product } from "./matmul";
