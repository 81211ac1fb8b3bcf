/** Puts an update rule to work: allocates its slots in kernel memory and counts its steps. */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { parseOptimizerSpec, type OptimizerSpec } from "./optimizer-spec.ts";
import type { Optimizer, OptimizerSnapshot } from "./optimizer.ts";
import { createRangeSteps } from "./range-steps.ts";
import { ruleOf } from "./rule-of.ts";
import { checkRanges, plainTreatment, type UpdateRange } from "./update-range.ts";
import type { UpdateRule } from "./update-rule.ts";

export interface OptimizerSite {
  /** Number of values, at least 1. */
  readonly size: number;
  readonly kernels: Kernels;
  /** The memory that the kernels work in; the slots are taken from it, in one region. */
  readonly memory: Pick<KernelMemory, "allocate" | "free" | "floats">;
  /**
   * Ranges that are updated in ways of their own; they cover the values in order. With `lamb` and `lars` each is one
   * layer. Default: one range, the optimiser as it is.
   */
  readonly ranges?: readonly UpdateRange[] | undefined;
}

/**
 * Creates an optimiser with fresh slots.
 *
 * @throws ShoalError invalid_argument - when the specification fails its check, or a range wants a decay it cannot have
 * @throws RangeError when the ranges do not cover the values
 * @throws ShoalError out_of_memory - when there is no room for the slots; none is kept then
 */
export function createOptimizer(spec: OptimizerSpec, site: OptimizerSite): Optimizer {
  const { size, kernels, memory } = site;
  if (!(Number.isSafeInteger(size) && size >= 1)) {
    throw new RangeError(`size is ${size}; an optimiser needs at least 1 value`);
  }
  const ranges = site.ranges ?? [{ begin: 0, end: size, treatment: plainTreatment }];
  checkRanges(ranges, size);
  const resolved = parseOptimizerSpec(spec);
  const rule = ruleOf(resolved);
  const regionBytes = size * Float32Array.BYTES_PER_ELEMENT;
  // One region for all slots, each at its own cache line, so that a failed allocation leaves nothing behind.
  const strideBytes = Math.ceil(regionBytes / 64) * 64;
  const region = rule.slotNames.length === 0 ? undefined : memory.allocate(strideBytes * rule.slotNames.length);
  const slots = rule.slotNames.map((_name, index) => (region?.byteOffset ?? 0) + index * strideBytes);
  const initial = rule.initialSlotValue;
  for (const [index, slot] of slots.entries()) {
    const value = typeof initial === "number" ? initial : (initial[index] ?? 0);
    if (value !== 0) kernels.fill(slot, size, value);
  }
  const steps = createRangeSteps(resolved, kernels, slots, ranges);
  let stepCount = 0;

  return {
    spec: resolved,
    size,
    slotNames: rule.slotNames,
    slotBytes: regionBytes * slots.length,
    get stepCount() {
      return stepCount;
    },
    step(values, gradient, learningRate, summed = 1) {
      stepCount += 1;
      const call = { values, gradient, step: stepCount, learningRate, summed };
      for (const step of steps) step(call);
    },
    snapshot() {
      const copies = rule.slotNames.map((name, index) => [name, memory.floats(slots[index] ?? 0, size).slice()]);
      return { name: resolved.name, stepCount, slots: Object.fromEntries(copies) as OptimizerSnapshot["slots"] };
    },
    restore(snapshot) {
      const contents = slotContents(snapshot, resolved.name, rule, size);
      contents.forEach((values, index) => memory.floats(slots[index] ?? 0, size).set(values));
      stepCount = snapshot.stepCount;
    },
    dispose() {
      if (region !== undefined) memory.free(region);
    },
  };
}

/** The snapshot's slots in the rule's order, all checked before one is written. */
function slotContents(snapshot: OptimizerSnapshot, name: string, rule: UpdateRule, size: number): Float32Array[] {
  const fail = (sentence: string): never => {
    throw new ShoalError("snapshot_corrupt", `The optimiser snapshot does not fit: ${sentence}.`, { optimizer: name });
  };
  if (snapshot.name !== name) fail(`it is of ${snapshot.name}, not of ${name}`);
  if (!(Number.isSafeInteger(snapshot.stepCount) && snapshot.stepCount >= 0)) {
    fail(`its step count is ${snapshot.stepCount}`);
  }
  const found = Object.keys(snapshot.slots).sort().join(", ");
  const wanted = rule.slotNames.toSorted().join(", ");
  if (found !== wanted) fail(`it has the slots [${found}], not [${wanted}]`);
  return rule.slotNames.map((slot) => {
    const values = snapshot.slots[slot];
    if (!(values instanceof Float32Array)) return fail(`slot ${slot} is not a Float32Array`);
    return values.length === size ? values : fail(`slot ${slot} has ${values.length} values, not ${size}`);
  });
}
