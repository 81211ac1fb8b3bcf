/** Puts the face of `kernels.ts` on the exports of the modules. A call through the face allocates nothing. */
import { activationKernels, type ActivationExports } from "./families/activations.ts";
import { lossKernels, type LossExports } from "./families/losses.ts";
import { matrixKernels, type MatrixExports } from "./families/matrix.ts";
import { optimizerKernels, type OptimizerExports } from "./families/optimizers.ts";
import { reductionKernels, type ReductionExports } from "./families/reductions.ts";
import { stalenessKernels, type StalenessExports } from "./families/staleness.ts";
import { vectorKernels, type VectorExports } from "./families/vectors.ts";
import type { KernelBuild, Kernels, Offset } from "./kernels.ts";

/** What the module `products` exports, in WebAssembly's own types. */
export interface ProductExports extends MatrixExports {
  scratchBytes(): number;
  setScratch(offset: Offset): void;
}

/** What the module `core` exports: booleans are 0 and 1, names are codes. */
export interface CoreExports
  extends ActivationExports, LossExports, VectorExports, ReductionExports, OptimizerExports, StalenessExports {}

export function faceOf(core: CoreExports, products: ProductExports, build: KernelBuild): Kernels {
  const activations = activationKernels(core);
  return {
    build,
    ...matrixKernels(products, activations),
    ...activations,
    ...lossKernels(core),
    ...vectorKernels(core),
    ...reductionKernels(core),
    ...optimizerKernels(core),
    ...stalenessKernels(core),
  };
}
