/**
 * Draws the values with which a training begins, as each layer declares them.
 *
 * Each segment has a random sequence of its own, so its values depend on nothing but seed, position and length.
 */
import type { Initializer } from "../layers/layer-definition.ts";
import { createCounterRandom, type CounterRandom } from "../random/counter-random.ts";
import type { ModelSpec } from "./model-spec.ts";
import { layoutOf } from "./parameter-layout.ts";

/**
 * Overwrites the first `layoutOf(spec).size` elements of `into`.
 * @param seed non-negative safe integer
 * @throws RangeError when `into` is too short
 */
export function initializeParameters(spec: ModelSpec, seed: number, into: Float32Array): void {
  const layout = layoutOf(spec);
  if (into.length < layout.size) {
    throw new RangeError(`into has ${into.length} elements, the model has ${layout.size} parameters`);
  }
  for (const [index, { offset, length, initial }] of layout.segments.entries()) {
    draw(initial, createCounterRandom(seed, "parameters", index), into.subarray(offset, offset + length));
  }
}

function draw(initial: Initializer, random: CounterRandom, into: Float32Array): void {
  switch (initial.kind) {
    case "constant":
      into.fill(initial.value);
      return;
    case "uniform":
      for (let key = 0; key < into.length; key += 1) into[key] = (2 * random.uniform() - 1) * initial.bound;
      return;
    case "normal":
      drawNormal(initial.deviation, random, into);
      return;
  }
}

/** Marsaglia's polar method (SIAM Review 6, 1964): pairs of normal numbers from points within the unit circle. */
function drawNormal(deviation: number, random: CounterRandom, into: Float32Array): void {
  for (let key = 0; key < into.length; key += 2) {
    let x = 0;
    let y = 0;
    let square = 0;
    while (square === 0 || square >= 1) {
      x = 2 * random.uniform() - 1;
      y = 2 * random.uniform() - 1;
      square = x * x + y * y;
    }
    const factor = deviation * Math.sqrt((-2 * Math.log(square)) / square);
    into[key] = x * factor;
    if (key + 1 < into.length) into[key + 1] = y * factor;
  }
}
