/** One step of an optimiser on each range of its vector, in the way of the range. */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import type { ResolvedOptimizerSpec } from "./optimizer-spec.ts";
import { ruleOf, withWeightDecay } from "./rule-of.ts";
import type { UpdateRange } from "./update-range.ts";
import type { UpdateRule } from "./update-rule.ts";

/** A step on the whole vector; `summed` gradients were added up to the given one. */
export interface VectorStep {
  readonly values: Offset;
  readonly gradient: Offset;
  readonly step: number;
  readonly learningRate: number;
  readonly summed: number;
}

export type RangeStep = (call: VectorStep) => void;

/** @param slots - offsets of the whole vector's slots */
export function createRangeSteps(
  spec: ResolvedOptimizerSpec,
  kernels: Kernels,
  slots: readonly Offset[],
  ranges: readonly UpdateRange[],
): readonly RangeStep[] {
  const rules = new Map<number | null, UpdateRule>();
  const ruleFor = (weightDecay: number | null): UpdateRule => {
    const rule = rules.get(weightDecay) ?? ruleOf(weightDecay === null ? spec : withWeightDecay(spec, weightDecay));
    rules.set(weightDecay, rule);
    return rule;
  };
  return ranges.flatMap((range): RangeStep[] => {
    const { treatment } = range;
    if (treatment.kind === "frozen") return [];
    if (treatment.kind === "statistic") return [statisticStep(kernels, range, treatment.rate)];
    return [ruleStep(kernels, range, ruleFor(treatment.weightDecay), treatment.learningRateScale, slots)];
  });
}

function statisticStep(kernels: Kernels, { begin, end }: UpdateRange, rate: number): RangeStep {
  const at = begin * Float32Array.BYTES_PER_ELEMENT;
  return ({ values, gradient, summed }) => kernels.axpy(gradient + at, values + at, end - begin, -rate / summed);
}

function ruleStep(
  kernels: Kernels,
  { begin, end }: UpdateRange,
  rule: UpdateRule,
  learningRateScale: number,
  slots: readonly Offset[],
): RangeStep {
  const at = begin * Float32Array.BYTES_PER_ELEMENT;
  const ownSlots = slots.map((slot) => slot + at);
  return ({ values, gradient, step, learningRate }) =>
    rule.apply(kernels, ownSlots, {
      values: values + at,
      gradient: gradient + at,
      count: end - begin,
      step,
      learningRate: learningRate * learningRateScale,
    });
}
