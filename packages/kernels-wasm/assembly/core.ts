/** Entry of the module `core`: kernels that are the same in every build. */
export { activate, activateGradient, exponentials } from "./activations";
export { addBiasActivate, sumRows } from "./layers";
export { argmaxRows, distillation, softmax, softmaxCrossEntropy } from "./softmax";
export { binaryCrossEntropy, huber, meanSquaredError } from "./losses";
export { axpy, bytesToFloats, copy, fill, scale, scaleInto } from "./vectors";
export { allFinite, dot, maxAbs, squaredNorm, sum } from "./reductions";
export { sgd, sgdMomentum } from "./sgd";
export { adam } from "./adam";
export { adagrad } from "./adagrad";
export { rmsprop } from "./rmsprop";
export { adadelta } from "./adadelta";
export { compensateDelay, compensateDelayAdaptively } from "./delay-compensation";
