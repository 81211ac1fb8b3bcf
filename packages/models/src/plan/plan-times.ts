/**
 * The steps of a plan with n stages, as numbers: −1 the batch is filled in, i stage i runs forward, n the losses,
 * 2n − i stage i runs backward.
 */
import type { Graph } from "../graph/graph.ts";
import type { PlannedStage } from "./plan-stages.ts";

export const fillTime = -1;

export function lossTime(stages: number): number {
  return stages;
}

export function backwardTime(stage: number, stages: number): number {
  return 2 * stages - stage;
}

/** When a value is needed. */
export interface ValueUse {
  /** Step of the forward pass that writes it. */
  readonly written: number;
  /** Last step of the forward pass (or of the losses) that reads it. */
  readonly lastForward: number;
  /** Steps of the backward pass that read it; none: it need not be kept. */
  readonly firstBackward: number | undefined;
  readonly lastBackward: number | undefined;
}

/**
 * Whether a value is worth storing: not where the backward pass reads it again right after the forward pass, since then
 * it would only stand in memory twice.
 */
export function isStored(use: ValueUse): use is ValueUse & { readonly firstBackward: number } {
  return use.firstBackward !== undefined && use.firstBackward - use.lastForward > 2;
}

/** Uses of all values of a graph; values that fusion made disappear have none. */
export function valueUses(graph: Graph, stages: readonly PlannedStage[]): ReadonlyMap<number, ValueUse> {
  const forward = new Map<number, number>();
  const backward = new Map<number, number[]>();
  const keep = (value: number, time: number): unknown => backward.set(value, [...(backward.get(value) ?? []), time]);
  const uses = new Map<number, ValueUse>();
  for (const [index, { inputs, output, definition, runsBackward }] of stages.entries()) {
    forward.set(output, index);
    const back = backwardTime(index, stages.length);
    for (const value of inputs) {
      forward.set(value, index);
      if (runsBackward && definition.backwardReads.inputs) keep(value, back);
    }
    if (runsBackward && definition.backwardReads.output) keep(output, back);
  }
  for (const { value } of graph.outputs) forward.set(value, lossTime(stages.length));
  for (const { value } of graph.inputs) uses.set(value, useOf(value, fillTime));
  for (const [index, { output }] of stages.entries()) uses.set(output, useOf(output, index));
  function useOf(value: number, written: number): ValueUse {
    const times = backward.get(value);
    const lastForward = forward.get(value) ?? written;
    if (times === undefined) return { written, lastForward, firstBackward: undefined, lastBackward: undefined };
    return { written, lastForward, firstBackward: Math.min(...times), lastBackward: Math.max(...times) };
  }
  return uses;
}
