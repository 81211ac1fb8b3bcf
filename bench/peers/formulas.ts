/** Functions that TensorFlow.js has no operator for, in the words of its users. */
import type { Tensor, TensorFlow } from "./tensorflow.ts";

/** x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³))) (Hendrycks & Gimpel, 2016). */
export function gelu(library: TensorFlow, x: Tensor): Tensor {
  const cubed = library.mul(library.mul(library.square(x), x), library.scalar(0.044_715));
  const inner = library.mul(library.add(x, cubed), library.scalar(Math.sqrt(2 / Math.PI)));
  return library.mul(library.mul(x, library.scalar(0.5)), library.add(library.tanh(inner), library.scalar(1)));
}

/** Along the last axis. */
export function layerNorm(library: TensorFlow, x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  const centred = library.sub(x, library.mean(x, -1, true));
  const variance = library.mean(library.square(centred), -1, true);
  const inverse = library.rsqrt(library.add(variance, library.scalar(epsilon)));
  return library.add(library.mul(library.mul(centred, inverse), weight), bias);
}

/**
 * softmax(scale·q·kᵀ + mask)·v of q, k and v [batch, heads, positions, headWidth]. The keys are transposed in a step of
 * their own: the product that transposes by itself is an order of magnitude slower.
 */
export function attention(
  library: TensorFlow,
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  mask: Tensor,
  scale: number,
): Tensor {
  const scores = library.mul(library.matMul(q, library.transpose(k, [0, 1, 3, 2])), library.scalar(scale));
  return library.matMul(library.softmax(library.add(scores, mask)), v);
}

/** [positions, positions]: what is added to the scores of later positions, so that they count for nothing. */
export function causalMask(positions: number): Float32Array {
  return Float32Array.from({ length: positions * positions }, (_, index) =>
    index % positions > Math.floor(index / positions) ? -1e9 : 0,
  );
}
