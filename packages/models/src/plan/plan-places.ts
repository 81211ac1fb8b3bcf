/** The inputs and targets of a plan as its user sees them. */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import { elementsOf, type SparseShape, type ValueShape } from "../spec/value-shape.ts";
import { viewOf } from "./memory-views.ts";
import type { FloatsInput, PlanInput, PlanTarget, SparseInput, TokensInput } from "./plan-inputs.ts";
import type { Place } from "./stage.ts";

/** Where the buffers of an input stand; `bytes` for floats only. */
export interface InputPlace extends Place {
  readonly bytes?: Offset | undefined;
}

export interface PlaceContext {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  readonly batchSize: number;
}

export function inputFace(shape: ValueShape, place: InputPlace, context: PlaceContext): PlanInput {
  switch (shape.kind) {
    case "floats":
      return floatsInput(elementsOf(shape.shape), place, context);
    case "tokens":
      return tokensInput(elementsOf(shape.shape), shape.vocabulary, place, context);
    case "sparse":
      return sparseInput(shape, place, context);
  }
}

function floatsInput(width: number, place: InputPlace, { kernels, memory, batchSize }: PlaceContext): FloatsInput {
  const { at, bytes: staging = 0 } = place;
  const floats = viewOf(memory, (buffer) => new Float32Array(buffer, at, batchSize * width));
  const bytes = viewOf(memory, (buffer) => new Uint8Array(buffer, staging, batchSize * width));
  return {
    kind: "floats",
    width,
    get floats() {
      return floats();
    },
    get bytes() {
      return bytes();
    },
    convertBytes: (rows, scale, shift) => kernels.bytesToFloats(staging, at, rows * width, scale, shift),
  };
}

function tokensInput(
  length: number,
  vocabulary: number,
  { at }: InputPlace,
  { memory, batchSize }: PlaceContext,
): TokensInput {
  const tokens = viewOf(memory, (buffer) => new Int32Array(buffer, at, batchSize * length));
  return {
    kind: "tokens",
    length,
    vocabulary,
    get tokens() {
      return tokens();
    },
  };
}

function sparseInput(shape: SparseShape, place: InputPlace, { memory, batchSize }: PlaceContext): SparseInput {
  const { features, active } = shape;
  const { at, indices: indicesAt = 0, values: valuesAt = 0 } = place;
  const rowOffsets = viewOf(memory, (buffer) => new Int32Array(buffer, at, batchSize + 1));
  const indices = viewOf(memory, (buffer) => new Int32Array(buffer, indicesAt, batchSize * active));
  const values = viewOf(memory, (buffer) => new Float32Array(buffer, valuesAt, batchSize * active));
  return {
    kind: "sparse",
    features,
    active,
    get rowOffsets() {
      return rowOffsets();
    },
    get indices() {
      return indices();
    },
    get values() {
      return values();
    },
  };
}

/** @param classes elements of the output's last axis; @param positions how many of these one sample has */
export function targetFace(
  takesLabels: boolean,
  positions: number,
  classes: number,
  at: Offset,
  { memory, batchSize }: PlaceContext,
): PlanTarget {
  if (takesLabels) {
    const labels = viewOf(memory, (buffer) => new Int32Array(buffer, at, batchSize * positions));
    return {
      kind: "labels",
      length: positions,
      classes,
      get labels() {
        return labels();
      },
    };
  }
  const width = positions * classes;
  const numbers = viewOf(memory, (buffer) => new Float32Array(buffer, at, batchSize * width));
  return {
    kind: "numbers",
    width,
    get numbers() {
      return numbers();
    },
  };
}
