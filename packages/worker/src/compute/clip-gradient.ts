/**
 * Gradient clipping: bounds a contribution's own gradient, the mean of its samples, before it is pushed. With one slot
 * that is PyTorch's `clip_grad_norm_` or `clip_grad_value_` of the step; with more, each worker's part is bounded, which
 * keeps one bad batch from carrying the step away.
 *
 *   norm   g ← g · min(1, limit / (‖g‖ + 1e-6))
 *   value  g ← max(−limit, min(limit, g))
 *
 * g are the parameters that learn: neither frozen ones nor running statistics, whose "gradient" is none.
 *
 * Source  Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
 */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import type { ParameterLayout } from "@shoal/models";
import { groupOf, sizeOf, type GradientClip, type KeyRange, type ParameterGroup } from "@shoal/protocol";

/** What is clipped and how; plain data. */
export interface ClipPlan {
  readonly clip: GradientClip;
  /** Of the gradient vector, ascending. */
  readonly ranges: readonly KeyRange[];
}

/** The parameters of a model that learn, as key ranges; neighbours are one. */
export function learningRanges(layout: ParameterLayout, groups: readonly ParameterGroup[]): readonly KeyRange[] {
  const ranges: KeyRange[] = [];
  for (const { name, offset, length, role, frozen } of layout.segments) {
    if (frozen || role === "statistic" || groupOf(groups, name)?.frozen === true) continue;
    const before = ranges.at(-1);
    const begin = before?.end === offset ? (ranges.pop()?.begin ?? offset) : offset;
    ranges.push({ begin, end: offset + length });
  }
  return ranges;
}

/** PyTorch's; keeps a gradient of zeros from being divided by zero. */
const slack = 1e-6;

/**
 * @param gradient - the whole vector, float32; its ranges are overwritten
 * @returns false when they hold NaN or an infinity; they are left as they are then
 */
export function clipGradient({ clip, ranges }: ClipPlan, kernels: Kernels, gradient: Offset): boolean {
  const each = <R>(visit: (at: Offset, count: number) => R): R[] =>
    ranges.map((range) => visit(gradient + range.begin * Float32Array.BYTES_PER_ELEMENT, sizeOf(range)));
  const isFinite = (): boolean => each((at, count) => kernels.allFinite(at, count)).every(Boolean);
  const norm = (): number => Math.sqrt(each((at, count) => kernels.squaredNorm(at, count)).reduce((a, b) => a + b, 0));
  if ("value" in clip) {
    if (!isFinite()) return false;
    each((at, count) => kernels.clamp(at, count, clip.value));
    return true;
  }
  const before = norm();
  if (Number.isFinite(before)) {
    const factor = clip.norm / (before + slack);
    if (factor < 1) each((at, count) => kernels.scale(at, count, factor));
    return true;
  }
  if (!isFinite()) return false;
  // Squares overflow before their roots do: taken relative to the greatest element they do not.
  const greatest = Math.max(...each((at, count) => kernels.maxAbs(at, count)));
  each((at, count) => kernels.scale(at, count, 2 ** -Math.ceil(Math.log2(greatest))));
  const factor = clip.norm / norm();
  each((at, count) => kernels.scale(at, count, factor));
  return true;
}
