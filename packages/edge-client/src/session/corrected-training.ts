/** SCAFFOLD on this device: what corrects each step of a round, and how the client's control changes by it. */
import { correctGradient, renewControl, unpackShared, type SharedKeys, type TaskDescription } from "@shoal/federated";
import type { LocalControl } from "./local-training.ts";

export interface CorrectedTraining {
  /** [shared.size] float32 c − cₖ; statistics are measured, and are not corrected. */
  correction(task: TaskDescription, shared: SharedKeys): Float32Array;
  /** Δcₖ by option II: from what the steps did. @param sent - [size] float32 the update, borrowed */
  change(task: TaskDescription, sent: Float32Array, steps: number): Float32Array;
}

/** @param control - borrowed */
export function createCorrectedTraining({ own, global }: LocalControl): CorrectedTraining {
  return {
    correction({ plain }, shared) {
      const correction = new Float32Array(shared.count);
      correctGradient(correction, own, global);
      for (const { begin, end } of plain) correction.fill(0, begin, end);
      const whole = new Float32Array(shared.size);
      unpackShared(shared, correction, whole);
      return whole;
    },
    change({ plain, local }, sent, steps) {
      const received = new Float32Array(sent.length);
      const pass = { received, trained: sent, steps, learningRate: local.learningRate };
      const change = renewControl(own.slice(), global, pass);
      for (const { begin, end } of plain) change.fill(0, begin, end);
      return change;
    },
  };
}
