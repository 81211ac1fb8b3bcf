/** Entry of the module `core`: kernels that are the same in every build; it imports the micro-kernels of one. */
export { activate, activateGradient, exponentials } from "./activations";
export { addBiasActivate, sumRows } from "./layers";
export { argmaxRows, distillation, softmax, softmaxCrossEntropy, softmaxGradient } from "./softmax";
export { binaryCrossEntropy, huber, meanSquaredError } from "./losses";
export { axpy, bytesToFloats, copy, fill, scale, scaleInto } from "./vectors";
export { averagePool, averagePoolGradient, maxPool, maxPoolGradient, planeMeans } from "./pooling";
export { batchNorm, batchNormGradient, channelMoments, channelSums } from "./batch-norm";
export { allFinite, dot, maxAbs, squaredNorm, sum } from "./reductions";
export { sgd, sgdMomentum } from "./sgd";
export { adam } from "./adam";
export { adagrad } from "./adagrad";
export { rmsprop } from "./rmsprop";
export { adadelta } from "./adadelta";
export { compensateDelay, compensateDelayAdaptively } from "./delay-compensation";
export { lambMoments, lambStep } from "./lamb";
export { lars } from "./lars";
export { ftrl } from "./ftrl";
export { serverStep } from "./server-optimizers";
export { clamp, sumVectors } from "./sum-vectors";
export { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from "./half-floats";
export { dequantizeInt8, dequantizeInt8Add, quantizeInt8, quantizeInt8WithFeedback } from "./int8-blocks";
export {
  packInt4,
  packSigns,
  packThreshold,
  unpackInt4,
  unpackSigns,
  unpackThreshold,
} from "./small-codes";
export { topK } from "./top-k";
export { normalize, normalizeGradient } from "./normalization";
export { gatherRows, scatterAddRows } from "./embedding";
export { dropout } from "./dropout";
export { factorPairs, factorPairsGradient, sparseProduct, sparseScatter } from "./sparse";
export { scratchBytes, setScratch } from "./scratch";
export { product } from "./matmul";
export { convolution, convolutionInputGradient, convolutionWeightGradient } from "./convolution";
export { setConvolution } from "./patches";
export { attention } from "./attention";
export { attentionGradient } from "./attention-gradient";
