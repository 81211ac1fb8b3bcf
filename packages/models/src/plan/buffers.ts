/** Where everything that a plan computes stands in its one region: offsets in bytes from the region's start. */
import type { Stage } from "./lower.ts";

/** What one stage leaves behind for the backward pass. */
export interface StageBuffers {
  /** [batchSize, outputs] float32. */
  readonly outputs: number;
  /** [batchSize, outputs] before the activation, where its derivative needs that (gelu); else the same as `outputs`. */
  readonly sums: number;
}

export interface PlanBuffers {
  /** [batchSize, features] float32. */
  readonly inputs: number;
  /** [batchSize, features] bytes. */
  readonly inputBytes: number;
  /** [batchSize] int32. */
  readonly labels: number;
  /** [batchSize, outputs] float32. */
  readonly targets: number;
  /** [batchSize] int32 each: greatest output and greatest target of each row. */
  readonly predicted: number;
  readonly expected: number;
  readonly stages: readonly StageBuffers[];
  /** Two buffers, each as large as the widest gradient that flows backward. */
  readonly gradients: readonly [number, number];
  readonly byteLength: number;
}

const alignment = 64;

/** Lays out the buffers of a plan without overlaps; a batch of no labels or targets takes no room for them. */
export function layOutBuffers(
  stages: readonly Stage[],
  features: number,
  batchSize: number,
  hasLabels: boolean,
): PlanBuffers {
  let end = 0;
  const take = (bytes: number): number => {
    const begin = end;
    end += Math.ceil(bytes / alignment) * alignment;
    return begin;
  };
  const floats = (columns: number): number => take(batchSize * columns * 4);
  const outputs = stages.at(-1)?.outputs ?? features;
  const widest = Math.max(...stages.map((stage) => stage.outputs));
  return {
    inputs: floats(features),
    inputBytes: take(batchSize * features),
    labels: floats(hasLabels ? 1 : 0),
    targets: floats(hasLabels ? 0 : outputs),
    predicted: floats(1),
    expected: floats(1),
    stages: stages.map((stage) => {
      const written = floats(stage.outputs);
      const needsSums = stage.type === "dense" && stage.activation === "gelu";
      return { outputs: written, sums: needsSums ? floats(stage.outputs) : written };
    }),
    gradients: [floats(widest), floats(widest)],
    byteLength: end,
  };
}
