/** Entry of the module `products`: kernels whose sums of products may be fused. Compiled for each build. */
export { scratchBytes, setScratch } from "./scratch";
export { product } from "./matmul";
export { convolution, convolutionInputGradient, convolutionWeightGradient } from "./convolution";
export { setConvolution } from "./patches";
export { attention } from "./attention";
export { attentionGradient } from "./attention-gradient";
