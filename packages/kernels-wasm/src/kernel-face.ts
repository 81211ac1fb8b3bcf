/** Puts the face of `kernels.ts` on the exports of the modules. A call through the face allocates nothing. */
import { activationKernels, type ActivationExports } from "./families/activations.ts";
import { attentionKernels, type AttentionExports } from "./families/attention.ts";
import { batchNormKernels, type BatchNormExports } from "./families/batch-norm.ts";
import { convolutionKernels, type ConvolutionExports } from "./families/convolution.ts";
import { dropoutKernels, type DropoutExports } from "./families/dropout.ts";
import { embeddingKernels, type EmbeddingExports } from "./families/embedding.ts";
import { encodingKernels, type EncodingExports } from "./families/encodings.ts";
import { layerwiseOptimizerKernels, type LayerwiseOptimizerExports } from "./families/layerwise-optimizers.ts";
import { lossKernels, type LossExports } from "./families/losses.ts";
import { matrixKernels, type MatrixExports } from "./families/matrix.ts";
import { normalizationKernels, type NormalizationExports } from "./families/normalization.ts";
import { optimizerKernels, type OptimizerExports } from "./families/optimizers.ts";
import { poolingKernels, type PoolingExports } from "./families/pooling.ts";
import { reductionKernels, type ReductionExports } from "./families/reductions.ts";
import { sparseKernels, type SparseExports } from "./families/sparse.ts";
import { stalenessKernels, type StalenessExports } from "./families/staleness.ts";
import { vectorKernels, type VectorExports } from "./families/vectors.ts";
import type { KernelBuild, Kernels, Offset } from "./kernels.ts";

/** What the module `core` exports, in WebAssembly's own types: booleans are 0 and 1, names are codes. */
export interface CoreExports
  extends
    MatrixExports,
    AttentionExports,
    ConvolutionExports,
    ActivationExports,
    LossExports,
    VectorExports,
    ReductionExports,
    PoolingExports,
    BatchNormExports,
    OptimizerExports,
    LayerwiseOptimizerExports,
    EncodingExports,
    NormalizationExports,
    EmbeddingExports,
    SparseExports,
    DropoutExports,
    StalenessExports {
  scratchBytes(): number;
  setScratch(offset: Offset): void;
}

export function faceOf(core: CoreExports, build: KernelBuild): Kernels {
  const activations = activationKernels(core);
  return {
    build,
    ...matrixKernels(core, activations),
    ...attentionKernels(core),
    ...convolutionKernels(core, activations),
    ...activations,
    ...lossKernels(core),
    ...vectorKernels(core),
    ...reductionKernels(core),
    ...poolingKernels(core),
    ...batchNormKernels(core),
    ...optimizerKernels(core),
    ...layerwiseOptimizerKernels(core),
    ...encodingKernels(core),
    ...normalizationKernels(core),
    ...embeddingKernels(core),
    ...sparseKernels(core),
    ...dropoutKernels(core),
    ...stalenessKernels(core),
  };
}
