/** Our parameters as a peer's tensors. */
import type { Tensor, TensorFlow } from "../peers/tensorflow.ts";
import type { Numbers } from "./ours.ts";

export interface PeerWeights {
  /** As we have it. */
  readonly of: (name: string) => Tensor;
  /** A dense layer's: ours is [outputs, inputs], theirs [inputs, outputs]. */
  readonly dense: (name: string) => Tensor;
  /** Ours is [filters, channels, height, width], theirs [height, width, channels, filters]. */
  readonly convolution: (name: string) => Tensor;
}

export function peerWeights(library: TensorFlow, weights: Readonly<Record<string, Numbers>>): PeerWeights {
  const of = (name: string): Tensor => {
    const numbers = weights[name];
    if (numbers === undefined) throw new RangeError(`no parameter ${name}, only ${Object.keys(weights).join(", ")}`);
    return library.tensor(numbers.values, numbers.shape);
  };
  return {
    of,
    dense: (name) => library.transpose(of(name)),
    convolution: (name) => library.transpose(of(name), [2, 3, 1, 0]),
  };
}
