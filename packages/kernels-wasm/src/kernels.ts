/**
 * The face of the kernels: what every build (baseline, relaxed) offers, as plain functions on kernel memory. Each family
 * of kernels has a file of its own in `families/`, with its face, its exports and the way from one to the other.
 *
 * Every vector is float32 and is named by its **byte offset** in the kernel memory (a multiple of 4; faster where it is
 * one of 16). Counts are in elements. Matrices are row-major. No kernel allocates, throws or checks its arguments: the
 * callers (compiled plans, shards) have laid their memory out once and for all.
 *
 * Invariants
 *   K1  Element-wise kernels (families vectors, encodings and optimizers) do the same arithmetic for each element
 *       wherever it stands in a vector and in every build: a vector may be split at any key without changing a bit.
 *   K2  Reductions and matrix products give the same bits for the same arguments and build, on any thread and, for
 *       products, on any number of threads.
 *   K3  The baseline build is the deterministic profile: it gives the same bits on every engine and processor. Its
 *       binaries are compiled without relaxed SIMD (validation would refuse a relaxed operation), so every operation is
 *       rounded as IEEE 754 says; the order of every sum follows from the arguments alone, not from threads, alignment
 *       or what the scratch held; e^x and the like are our own polynomials, and no face calls a function of `Math` whose
 *       last bit engines choose. Only the payload and sign of a NaN may differ: WebAssembly leaves them open.
 */
import type { ActivationKernels } from "./families/activations.ts";
import type { AttentionKernels } from "./families/attention.ts";
import type { BatchNormKernels } from "./families/batch-norm.ts";
import type { ConvolutionKernels } from "./families/convolution.ts";
import type { DropoutKernels } from "./families/dropout.ts";
import type { EmbeddingKernels } from "./families/embedding.ts";
import type { EncodingKernels } from "./families/encodings.ts";
import type { LayerwiseOptimizerKernels } from "./families/layerwise-optimizers.ts";
import type { LossKernels } from "./families/losses.ts";
import type { MatrixKernels } from "./families/matrix.ts";
import type { NormalizationKernels } from "./families/normalization.ts";
import type { OptimizerKernels } from "./families/optimizers.ts";
import type { PoolingKernels } from "./families/pooling.ts";
import type { ReductionKernels } from "./families/reductions.ts";
import type { SparseKernels } from "./families/sparse.ts";
import type { StalenessKernels } from "./families/staleness.ts";
import type { VectorKernels } from "./families/vectors.ts";

/** Byte offset into kernel memory. */
export type Offset = number;

/**
 * Which arithmetic the products use: `relaxed` has fused multiply-add in the micro-kernels (module `products`) below
 * matrix products, attention and convolutions. All else (module `core`) is the same in both.
 */
export type KernelBuild = "baseline" | "relaxed";

export interface Kernels
  extends
    MatrixKernels,
    AttentionKernels,
    ConvolutionKernels,
    ActivationKernels,
    LossKernels,
    VectorKernels,
    ReductionKernels,
    PoolingKernels,
    BatchNormKernels,
    OptimizerKernels,
    LayerwiseOptimizerKernels,
    EncodingKernels,
    NormalizationKernels,
    EmbeddingKernels,
    SparseKernels,
    DropoutKernels,
    StalenessKernels {
  readonly build: KernelBuild;
}
