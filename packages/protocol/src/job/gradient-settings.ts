/** How a worker computes the gradient of a batch, and what it does to it before the push. */
import { z } from "zod";

/**
 * Bounds a contribution's own gradient, the mean of its samples, before it is pushed; with one slot that is PyTorch's
 * `clip_grad_norm_` or `clip_grad_value_` of the step. `norm`: of the whole vector, which is scaled down to it.
 * `value`: of each element's size.
 */
export type GradientClip = { readonly norm: number } | { readonly value: number };

const limit = z.number().gt(0);

export const gradientClipSchema: z.ZodType<GradientClip> = z.union(
  [z.strictObject({ norm: limit }), z.strictObject({ value: limit })],
  { error: "expected {norm} or {value}, a number above 0" },
);

/** How parameters and activations are stored while a gradient is computed; the shard's values are always float32. */
export type Precision = "float32" | "bfloat16" | "float16";

export const precisionSchema: z.ZodType<Precision> = z.enum(["float32", "bfloat16", "float16"]);

/** Factor on the loss, so that small gradients survive float16; taken out again before the push. */
export type LossScale = number | "dynamic";

export const lossScaleSchema: z.ZodType<LossScale> = z.union(
  [
    z
      .number()
      .gt(0)
      .max(2 ** 24),
    z.literal("dynamic"),
  ],
  {
    error: 'expected "dynamic" or a number above 0, at most 2^24',
  },
);
