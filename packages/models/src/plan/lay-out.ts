/** Lays everything that a plan computes with out in one region. */
import type { Graph } from "../graph/graph.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import { createBufferBook, type BufferBook, type Span } from "./buffer-layout.ts";
import type { HalfBuffers, placeHalves } from "./half-buffers.ts";
import { placeGradients, type GradientBuffers } from "./gradient-buffers.ts";
import type { PlannedStage } from "./plan-stages.ts";
import { backwardTime, fillTime, valueUses } from "./plan-times.ts";
import { bytesOfValue, placeOwn, placeValues, wordBytes, type OwnBuffers } from "./value-buffers.ts";

/** Numbers of the buffers of an input, as its kind needs them. */
export interface InputBuffers {
  /** Floats, tokens, or the row offsets of sparse rows. */
  readonly at: number;
  /** The staging area of bytes. */
  readonly bytes?: number;
  readonly indices?: number;
  readonly values?: number;
}

export interface OutputBuffers {
  /** Labels or numbers to be reached. */
  readonly target: number;
}

export interface PlanBuffers extends HalfBuffers {
  readonly inputs: readonly InputBuffers[];
  readonly outputs: readonly OutputBuffers[];
  /** By the index of the value. */
  readonly values: ReadonlyMap<number, number>;
  readonly own: readonly OwnBuffers[];
  readonly gradients: GradientBuffers;
  /** Bytes from the start of the region, by the number of the buffer. */
  readonly offsets: readonly number[];
  readonly byteLength: number;
}

/** @param storeHalves - where activations are stored in half; absent: everything stays float32 */
export function layOutPlan(
  graph: Graph,
  stages: readonly PlannedStage[],
  rows: number,
  storeHalves?: typeof placeHalves,
): PlanBuffers {
  const book = createBufferBook();
  const always = { from: fillTime, to: backwardTime(0, stages.length) + 1 };
  const shapeOf = (value: number): ValueShape => graph.values[value]?.shape ?? { kind: "floats", shape: [] };
  const bytesOf = (value: number): number => bytesOfValue(shapeOf(value), rows);
  const inputs = graph.inputs.map(({ value }) => placeInput(book, shapeOf(value), rows, always));
  const outputs = graph.outputs.map(({ value, loss }) => {
    const shape = shapeOf(value);
    const elements = shape.kind === "sparse" ? 0 : elementsOf(shape.shape);
    const positions = shape.kind === "sparse" ? 0 : elements / (shape.shape.at(-1) ?? 1);
    const answers = loss.type === "softmax_cross_entropy" ? positions : elements;
    return { target: book.add(rows * answers * wordBytes, always) };
  });
  const storesHalves = storeHalves !== undefined;
  const uses = valueUses(graph, stages);
  const values = placeValues(book, stages, uses, bytesOf, storesHalves);
  const own = placeOwn(book, stages, rows, storesHalves);
  const gradients = placeGradients(book, graph, stages, bytesOf);
  const { halves, rounded } = storeHalves?.(book, stages, uses, values, own) ?? { halves: [], rounded: [] };
  return { inputs, outputs, values, own, gradients, halves, rounded, ...book.layOut() };
}

/** Inputs stay as they were filled in until they are filled in anew. */
function placeInput(book: BufferBook, shape: ValueShape, rows: number, always: Span): InputBuffers {
  switch (shape.kind) {
    case "floats": {
      const elements = rows * elementsOf(shape.shape);
      const staging = { from: fillTime, to: fillTime };
      return { at: book.add(elements * wordBytes, always), bytes: book.add(elements, staging) };
    }
    case "tokens":
      return { at: book.add(rows * elementsOf(shape.shape) * wordBytes, always) };
    case "sparse":
      return {
        at: book.add((rows + 1) * wordBytes, always),
        indices: book.add(rows * shape.active * wordBytes, always),
        values: book.add(rows * shape.active * wordBytes, always),
      };
  }
}
