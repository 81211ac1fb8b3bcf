/**
 * Buffers of the gradients of values, and how several of them become one: a value that is read several times gets the
 * sum of what its readers say. Going backward, the first one writes, each later one writes beside it and is added.
 */
import type { Graph } from "../graph/graph.ts";
import type { BufferBook } from "./buffer-layout.ts";
import type { PlannedStage } from "./plan-stages.ts";
import { backwardTime, lossTime } from "./plan-times.ts";

/** A gradient that is added to another after the stage has run. */
export interface GradientSum {
  readonly from: number;
  readonly into: number;
  readonly value: number;
}

export interface StageGradients {
  /** Numbers of buffers. */
  readonly output: number | undefined;
  readonly inputs: readonly (number | undefined)[];
  readonly sums: readonly GradientSum[];
}

export interface GradientBuffers {
  readonly stages: readonly StageGradients[];
  /** Where the losses write: by the index of the output's value. */
  readonly outputs: ReadonlyMap<number, number>;
}

export function placeGradients(
  book: BufferBook,
  graph: Graph,
  stages: readonly PlannedStage[],
  bytesOf: (value: number) => number,
): GradientBuffers {
  /** Values that have a gradient by now, with its buffer. */
  const gradients = new Map<number, number>();
  const producers = new Map(stages.map(({ output }, index) => [output, index]));
  const endOf = (value: number, now: number): number => {
    const producer = producers.get(value);
    return producer === undefined || stages[producer]?.runsBackward !== true
      ? now
      : backwardTime(producer, stages.length);
  };
  const atLoss = lossTime(stages.length);
  for (const { value } of graph.outputs) {
    gradients.set(value, book.add(bytesOf(value), { from: atLoss, to: endOf(value, atLoss) }));
  }
  const outputs = new Map(gradients);
  const placed = stages.map((): StageGradients => ({ output: undefined, inputs: [], sums: [] }));
  for (let index = stages.length - 1; index >= 0; index -= 1) {
    const stage = stages[index];
    if (stage?.runsBackward !== true) continue;
    const now = backwardTime(index, stages.length);
    const output = gradients.get(stage.output);
    const sums: GradientSum[] = [];
    const inputs = stage.inputs.map((value, position) => {
      if (stage.wantsGradients[position] !== true) return undefined;
      const inPlace =
        position === 0 && stage.definition.gradientInPlace === true && bytesOf(value) === bytesOf(stage.output);
      const earlier = gradients.get(value);
      if (earlier !== undefined) {
        const beside = inPlace && output !== undefined ? output : book.add(bytesOf(value), { from: now, to: now });
        sums.push({ from: beside, into: earlier, value });
        return beside;
      }
      const span = { from: now, to: endOf(value, now) };
      const buffer = inPlace && output !== undefined ? output : book.add(bytesOf(value), span);
      if (buffer === output) book.extend(buffer, span);
      gradients.set(value, buffer);
      return buffer;
    });
    placed[index] = { output, inputs, sums };
  }
  return { stages: placed, outputs };
}
