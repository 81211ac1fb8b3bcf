/**
 * The gradient of a batch, in one piece or accumulated over pieces: g = Σ (nᵢ / n) · gᵢ, which is the gradient of the mean
 * loss of the whole batch up to rounding. The pieces are cut at fixed positions, so the same batch gives the same bits
 * whoever computes it.
 */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import type { BatchFiller, Plan, PlanGates } from "@shoal/models";
import type { GradientWork } from "./compute-port.ts";

export interface BatchGradientOptions {
  readonly plan: Plan;
  readonly filler: BatchFiller;
  readonly kernels: Kernels;
  /** Of the random draws. */
  readonly seed: number;
  /** Most samples of one piece. */
  readonly pieceRows: number;
  /** [layout.size] float32, for the gradients of pieces; needed when a batch has more than one. */
  readonly partial: Offset;
}

export interface BatchGradient {
  readonly samples: number;
  /** Mean over the samples; 0 without any. */
  readonly loss: number;
}

/** @returns a function that overwrites the gradient, or leaves it alone when the batch is empty */
export function createBatchGradient(
  options: BatchGradientOptions,
): (work: GradientWork, order: Uint32Array, gates?: PlanGates) => BatchGradient {
  const { plan, filler, kernels, seed, pieceRows, partial } = options;
  const { size } = plan.layout;
  return ({ epoch, begin, end, parameters, gradient }, order, gates) => {
    const samples = end - begin;
    const inOnePiece = samples <= pieceRows;
    const asked = inOnePiece || gates === undefined ? gates : onlyAsked(gates);
    let loss = 0;
    for (let first = begin; first < end; first += pieceRows) {
      const rows = filler.fill(order, first, Math.min(end, first + pieceRows));
      const share = rows / samples;
      const into = first === begin ? gradient : partial;
      loss += share * plan.gradient(parameters, into, rows, { seed, epoch, first }, asked);
      if (into === partial) kernels.axpy(partial, gradient, size, share);
      else if (share !== 1) kernels.scale(gradient, size, share);
    }
    return { samples, loss };
  };
}

/** Gates that are not told what is final: the gradient is still worked on when the step has ended. */
export function onlyAsked(gates: PlanGates): PlanGates {
  return {
    need: (end) => {
      gates.need(end);
    },
    final: () => undefined,
  };
}
