/**
 * Initial values as PyTorch draws them for `Linear`: weight and bias uniform in ±1/√fan_in.
 *
 * Source  He et al., ICCV 2015, with the gain that PyTorch's `Linear` uses (a = √5), which leaves 1/√fan_in.
 * Each segment has a random sequence of its own, so its values depend on nothing but seed, position and length.
 */
import { createCounterRandom } from "../random/counter-random.ts";
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
  let fanIn = spec.inputs;
  for (const [index, { offset, length, shape }] of layout.segments.entries()) {
    fanIn = shape[1] ?? fanIn; // a bias follows its weight and shares its fan-in
    const bound = 1 / Math.sqrt(fanIn);
    const random = createCounterRandom(seed, "parameters", index);
    for (let key = offset; key < offset + length; key += 1) {
      into[key] = (2 * random.uniform() - 1) * bound;
    }
  }
}
