/** The views that a plan's user fills. A memory that grows gets a new buffer, so a view is made anew when it is stale. */
import type { Region } from "@shoal/kernels-wasm";
import type { PlanBuffers } from "./buffers.ts";

export interface PlanViews {
  readonly inputs: Float32Array;
  readonly inputBytes: Uint8Array;
  readonly labels: Int32Array;
  readonly targets: Float32Array;
  /** Indices of each row's greatest output and greatest target, written by the evaluation. */
  readonly predicted: Int32Array;
  readonly expected: Int32Array;
  /** The model's outputs. */
  readonly outputs: Float32Array;
}

export interface PlanShape {
  readonly batchSize: number;
  readonly features: number;
  readonly outputs: number;
  readonly hasLabels: boolean;
}

function makeViews(buffer: ArrayBufferLike, region: Region, buffers: PlanBuffers, shape: PlanShape): PlanViews {
  const { batchSize, features, outputs, hasLabels } = shape;
  const at = region.byteOffset;
  const outputsAt = buffers.stages.at(-1)?.outputs ?? buffers.inputs;
  return {
    inputs: new Float32Array(buffer, at + buffers.inputs, batchSize * features),
    inputBytes: new Uint8Array(buffer, at + buffers.inputBytes, batchSize * features),
    labels: new Int32Array(buffer, at + buffers.labels, hasLabels ? batchSize : 0),
    targets: new Float32Array(buffer, at + buffers.targets, hasLabels ? 0 : batchSize * outputs),
    predicted: new Int32Array(buffer, at + buffers.predicted, batchSize),
    expected: new Int32Array(buffer, at + buffers.expected, batchSize),
    outputs: new Float32Array(buffer, at + outputsAt, batchSize * outputs),
  };
}

/** @returns a function that gives the current views; it allocates only after the memory has grown */
export function createPlanViews(
  memory: WebAssembly.Memory,
  region: Region,
  buffers: PlanBuffers,
  shape: PlanShape,
): () => PlanViews {
  let buffer: ArrayBufferLike = memory.buffer;
  let views = makeViews(buffer, region, buffers, shape);
  return () => {
    if (memory.buffer !== buffer) {
      buffer = memory.buffer;
      views = makeViews(buffer, region, buffers, shape);
    }
    return views;
  };
}
