/** Buffers of the values that stages compute, and of what a stage keeps or needs for itself. */
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import type { BufferBook, Span } from "./buffer-layout.ts";
import type { PlannedStage } from "./plan-stages.ts";
import { backwardTime, fillTime, isStored, type ValueUse } from "./plan-times.ts";

/** float32 and int32 alike. */
export const wordBytes = 4;

export function bytesOfValue(shape: ValueShape, rows: number): number {
  return shape.kind === "sparse" ? rows * shape.active * wordBytes : rows * elementsOf(shape.shape) * wordBytes;
}

/**
 * Numbers of buffers by the index of the value; inputs of the model are not among them.
 * @param storesHalves the bytes of a value are free while it waits in half for the backward pass
 */
export function placeValues(
  book: BufferBook,
  stages: readonly PlannedStage[],
  uses: ReadonlyMap<number, ValueUse>,
  bytesOf: (value: number) => number,
  storesHalves: boolean,
): ReadonlyMap<number, number> {
  const buffers = new Map<number, number>();
  for (const [index, stage] of stages.entries()) {
    const use = uses.get(stage.output);
    if (use === undefined) continue;
    const spans = spansOf(use, storesHalves);
    const shared = sharedBuffer(stage, index, uses, buffers, bytesOf);
    for (const span of shared === undefined ? [] : spans) book.extend(shared ?? 0, span);
    buffers.set(stage.output, shared ?? book.add(bytesOf(stage.output), ...spans));
  }
  return buffers;
}

function spansOf(use: ValueUse, storesHalves: boolean): readonly Span[] {
  const { written, lastForward, firstBackward, lastBackward = fillTime } = use;
  if (!storesHalves || firstBackward === undefined || !isStored(use)) {
    return [{ from: written, to: Math.max(lastForward, lastBackward) }];
  }
  return [
    { from: written, to: lastForward },
    { from: firstBackward, to: lastBackward },
  ];
}

/** The buffer of the first input, when the output may overwrite it: nobody reads that value after this stage. */
function sharedBuffer(
  stage: PlannedStage,
  index: number,
  uses: ReadonlyMap<number, ValueUse>,
  buffers: ReadonlyMap<number, number>,
  bytesOf: (value: number) => number,
): number | undefined {
  const [first, ...others] = stage.inputs;
  if (stage.definition.inPlace !== true || first === undefined || others.includes(first)) return undefined;
  const use = uses.get(first);
  const isOver = use?.lastForward === index && use.firstBackward === undefined;
  return isOver && bytesOf(first) === bytesOf(stage.output) ? buffers.get(first) : undefined;
}

export interface OwnBuffers {
  readonly keeps: readonly number[];
  readonly scratch: readonly number[];
}

export function placeOwn(
  book: BufferBook,
  stages: readonly PlannedStage[],
  rows: number,
  storesHalves: boolean,
): readonly OwnBuffers[] {
  return stages.map(({ definition, runsBackward }, index) => {
    const back = backwardTime(index, stages.length);
    const forward = { from: index, to: index };
    const passes = runsBackward ? [forward, { from: back, to: back }] : [forward];
    const waitsInHalf = storesHalves && definition.keepsActivations === true;
    const kept = runsBackward && !waitsInHalf ? [{ from: index, to: back }] : passes;
    return {
      keeps: (definition.keeps?.(rows) ?? []).map((bytes) => book.add(bytes, ...kept)),
      scratch: (definition.scratch?.(rows) ?? []).map((bytes) => book.add(bytes, ...passes)),
    };
  });
}
