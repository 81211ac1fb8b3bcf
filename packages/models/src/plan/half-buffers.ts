/** Where activations stand in half while they wait for the backward pass, and where weights are rounded. */
import type { GraphNode } from "../graph/graph.ts";
import type { BufferBook } from "./buffer-layout.ts";
import type { PlannedStage } from "./plan-stages.ts";
import { backwardTime, isStored, type ValueUse } from "./plan-times.ts";
import { halfBytes, roundedRoles } from "./precision.ts";
import { wordBytes, type OwnBuffers } from "./value-buffers.ts";

/** A float32 buffer that is encoded after a stage has run forward and decoded before a stage runs backward. */
export interface StoredHalf {
  /** Numbers of buffers. */
  readonly full: number;
  readonly half: number;
  /** Elements of a whole batch. */
  readonly count: number;
  /** Indices of stages. */
  readonly encodedAfter: number;
  readonly decodedBefore: number;
}

/** Room for the parameters of one stage, rounded, in both of its passes. */
export interface RoundedParameters {
  readonly full: number;
  readonly half: number;
  readonly node: GraphNode;
}

/** What a plan stores in half, and what it rounds. */
export interface HalfBuffers {
  readonly halves: readonly StoredHalf[];
  readonly rounded: readonly (RoundedParameters | undefined)[];
}

/** @param values numbers of buffers by the index of the value; @param own what stages keep */
export function placeHalves(
  book: BufferBook,
  stages: readonly PlannedStage[],
  uses: ReadonlyMap<number, ValueUse>,
  values: ReadonlyMap<number, number>,
  own: readonly OwnBuffers[],
): HalfBuffers {
  const halves = [...valueHalves(book, stages, uses, values), ...keptHalves(book, stages, own)];
  return { halves, rounded: placeParameters(book, stages) };
}

function valueHalves(
  book: BufferBook,
  stages: readonly PlannedStage[],
  uses: ReadonlyMap<number, ValueUse>,
  buffers: ReadonlyMap<number, number>,
): readonly StoredHalf[] {
  return stages.flatMap(({ output }, index): StoredHalf[] => {
    const use = uses.get(output);
    const full = buffers.get(output);
    if (use === undefined || full === undefined || !isStored(use)) return [];
    const { firstBackward } = use;
    const count = book.bytesOf(full) / wordBytes;
    const half = book.add(count * halfBytes, { from: index, to: firstBackward });
    return [{ full, half, count, encodedAfter: index, decodedBefore: 2 * stages.length - firstBackward }];
  });
}

function keptHalves(book: BufferBook, stages: readonly PlannedStage[], own: readonly OwnBuffers[]): StoredHalf[] {
  return stages.flatMap(({ definition, runsBackward }, index) => {
    if (!runsBackward || definition.keepsActivations !== true) return [];
    return (own[index]?.keeps ?? []).map((full) => placeKeptHalf(book, full, index, stages.length));
  });
}

/** @param full a buffer that a stage keeps, alive in its two passes only */
function placeKeptHalf(book: BufferBook, full: number, stage: number, stages: number): StoredHalf {
  const count = book.bytesOf(full) / wordBytes;
  const half = book.add(count * halfBytes, { from: stage, to: backwardTime(stage, stages) });
  return { full, half, count, encodedAfter: stage, decodedBefore: stage };
}

/** One for each stage; undefined where nothing is rounded. */
function placeParameters(
  book: BufferBook,
  stages: readonly PlannedStage[],
): readonly (RoundedParameters | undefined)[] {
  return stages.map(({ node, runsBackward }, index) => {
    const rounded = node.segments.filter(({ role }) => roundedRoles.has(role)).map(({ length }) => length);
    if (rounded.length === 0) return undefined;
    const size = node.segments.reduce((sum, { length }) => sum + length, 0);
    const back = backwardTime(index, stages.length);
    const spans = [{ from: index, to: index }, ...(runsBackward ? [{ from: back, to: back }] : [])];
    return {
      full: book.add(size * wordBytes, ...spans),
      half: book.add(Math.max(...rounded) * halfBytes, ...spans),
      node,
    };
  });
}
