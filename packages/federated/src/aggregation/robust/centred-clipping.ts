/**
 * Centred clipping: from a start that is trusted, steps towards the updates, none of which moves the result by more than
 * τ·share.
 *
 *   v ← v + Σ shareₖ·(xₖ − v)·min(1, τ/‖xₖ − v‖),   shareₖ = wₖ/Σw
 *
 * One pass more than iterations: the first only measures distances, each later one moves and measures again.
 * Source  Karimireddy, He, Jaggi, "Learning from history for Byzantine robust optimization", ICML 2021.
 */
import { passOver } from "./chunk-source.ts";
import type { RobustOutcome, RobustWork } from "./combine-robustly.ts";
import { accumulateSquares } from "./distances.ts";
import { everyone } from "./krum.ts";

export interface CentredClippingRule {
  readonly radius: number;
  readonly iterations: number;
}

/** @param from [size], borrowed; zero where there is none @throws RangeError for a start of another size */
export async function centredClipping(
  work: RobustWork,
  rule: CentredClippingRule,
  from: Float32Array | undefined,
): Promise<RobustOutcome> {
  const { source, weights, pace, into } = work;
  if (from !== undefined && from.length !== source.size) {
    throw new RangeError(`the start has ${from.length} keys, the updates have ${source.size}`);
  }
  const centre = from === undefined ? new Float64Array(source.size) : Float64Array.from(from);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const partOf = (begin: number, chunks: readonly Float32Array[]): Float64Array =>
    centre.subarray(begin, begin + (chunks[0]?.length ?? 0));
  let squares = new Float64Array(source.clients);
  await passOver(source, pace, (begin, chunks) => accumulateSquares(squares, chunks, partOf(begin, chunks)));
  let scales: readonly number[] = [];
  for (let iteration = 0; iteration < rule.iterations; iteration += 1) {
    scales = [...squares].map((square) => Math.min(1, rule.radius / Math.sqrt(square)));
    const factors = scales.map((scale, client) => (scale * (weights[client] ?? 0)) / total);
    const next = new Float64Array(source.clients);
    await passOver(source, pace, (begin, chunks) => {
      const place = partOf(begin, chunks);
      moveTowards(place, chunks, factors);
      accumulateSquares(next, chunks, place);
    });
    squares = next;
  }
  into.set(centre);
  const clipped = everyone(source.clients).filter((client) => (scales[client] ?? 1) < 1);
  return { chosen: everyone(source.clients), clipped, scores: [], passes: rule.iterations + 1 };
}

/** centre += Σ factorₖ·(xₖ − centre), all differences from where the centre was. */
function moveTowards(centre: Float64Array, chunks: readonly Float32Array[], factors: readonly number[]): void {
  for (let key = 0; key < centre.length; key += 1) {
    const from = centre[key] ?? 0;
    let moved = from;
    for (let client = 0; client < chunks.length; client += 1) {
      moved += (factors[client] ?? 0) * ((chunks[client]?.[key] ?? 0) - from);
    }
    centre[key] = moved;
  }
}
