/** What the step benchmark measures: one model at one batch size, here and in the peer's words. */
import type { ModelSpec } from "@shoal/models";
import type { TensorFlow } from "../peers/tensorflow.ts";
import type { Numbers, TrainingBatch } from "./ours.ts";

/** A peer's model that starts from our weights. */
export interface PeerModel {
  /** One step of SGD on the batch. @returns the loss before the update */
  step(): Promise<number>;
}

export interface Subject {
  readonly name: string;
  readonly spec: ModelSpec;
  readonly batch: TrainingBatch;
  readonly learningRate: number;
  /** Least speed, in steps of the peer. */
  readonly aim?: number;
  readonly peer: (
    library: TensorFlow,
    weights: Readonly<Record<string, Numbers>>,
    batch: TrainingBatch,
    learningRate: number,
  ) => PeerModel;
}

/** Numbers in [0, 1) and labels, the same ones in every run (Lehmer's generator). */
export function randomBatch(rows: number, width: number, classes: number): TrainingBatch {
  const next = createRandom();
  return {
    rows,
    inputs: Float32Array.from({ length: rows * width }, () => next() / modulus),
    labels: Int32Array.from({ length: rows }, () => next() % classes),
  };
}

export function randomTokens(rows: number, positions: number, vocabulary: number): TrainingBatch {
  const next = createRandom();
  const draw = (): Int32Array => Int32Array.from({ length: rows * positions }, () => next() % vocabulary);
  return { rows, inputs: draw(), labels: draw() };
}

const modulus = 2 ** 31 - 1;

function createRandom(): () => number {
  let state = 12_345;
  return () => (state = (state * 48_271) % modulus);
}
