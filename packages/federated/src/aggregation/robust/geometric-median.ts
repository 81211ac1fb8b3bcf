/**
 * The geometric median: the point z with the least Σ wₖ·‖vₖ − z‖, by Weiszfeld's iteration with smoothing.
 *
 *   βₖ ← wₖ / max(ν, ‖vₖ − z‖),   z ← Σ βₖ·vₖ / Σ βₖ,   from the weighted mean on
 *
 * One pass an iteration: a chunk of the next z needs the same chunk of the updates as its distances to them.
 * Source  Pillutla, Kakade, Harchaoui, "Robust aggregation for federated learning", IEEE TSP 2022 (RFA).
 */
import { passOver } from "./chunk-source.ts";
import type { RobustOutcome, RobustWork } from "./combine-robustly.ts";
import { accumulateSquares } from "./distances.ts";
import { everyone } from "./krum.ts";
import { weightedMeanInto } from "./weighted-mean.ts";

export interface GeometricMedianRule {
  readonly smoothing: number;
  readonly iterations: number;
  readonly tolerance: number;
}

export async function geometricMedian(work: RobustWork, rule: GeometricMedianRule): Promise<RobustOutcome> {
  const { weights, source, into } = work;
  const estimate = new Float64Array(source.size);
  let distances = await moveTo(work, estimate, weights);
  let before = weightedSum(weights, distances);
  let passes = 1;
  while (passes <= rule.iterations) {
    const factors = weights.map((weight, client) => weight / Math.max(rule.smoothing, distances[client] ?? 0));
    distances = await moveTo(work, estimate, factors);
    passes += 1;
    const after = weightedSum(weights, distances);
    if (before - after <= rule.tolerance * before) break;
    before = after;
  }
  into.set(estimate);
  return { chosen: everyone(source.clients), clipped: [], scores: [], passes };
}

/** Moves the estimate to the mean by these factors. @returns each client's distance to where it is then */
async function moveTo(
  { source, pace }: RobustWork,
  estimate: Float64Array,
  factors: readonly number[],
): Promise<Float64Array> {
  const total = factors.reduce((sum, factor) => sum + factor, 0);
  const shares = factors.map((factor) => factor / total);
  const squares = new Float64Array(source.clients);
  await passOver(source, pace, (begin, chunks) => {
    const place = estimate.subarray(begin, begin + (chunks[0]?.length ?? 0));
    weightedMeanInto(chunks, shares, place);
    accumulateSquares(squares, chunks, place);
  });
  return squares.map(Math.sqrt);
}

function weightedSum(weights: readonly number[], distances: Float64Array): number {
  return weights.reduce((sum, weight, client) => sum + weight * (distances[client] ?? 0), 0);
}
