/**
 * SCAFFOLD: each client corrects its steps by how its own gradients differ from everybody's, so clients with unlike data do
 * not pull the result towards a point that is nobody's minimum. It needs a client that comes back: its control is state.
 *
 *   step           y ← y − η·(g(y) − cₖ + c)
 *   afterwards     cₖ⁺ = ∇Fₖ(x)                       option I: one more gradient, over all samples, at the received x
 *                  cₖ⁺ = cₖ − c + (x − y)/(K·η)       option II: from what the K steps did
 *   the server     x ← x + η_g/|S|·Σ Δy,   c ← c + (1/N)·Σ Δcₖ      S sampled, N all clients
 *
 * Δy is averaged by `fedavg` with equal weights. Plain steps only: momentum makes option II's quotient another thing.
 * Source  Karimireddy et al., ICML 2020.
 */
import { checkLengths } from "./vector-lengths.ts";

/**
 * g ← g − cₖ + c.
 * @param gradient [size] float32, overwritten @param own cₖ, borrowed @param global c, borrowed
 */
export function correctGradient(gradient: Float32Array, own: Float32Array, global: Float32Array): void {
  checkLengths(gradient.length, { own, global });
  for (let key = 0; key < gradient.length; key += 1) {
    gradient[key] = (gradient[key] ?? 0) - (own[key] ?? 0) + (global[key] ?? 0);
  }
}

export interface LocalPass {
  /** x, as the round began. [size], borrowed. */
  readonly received: Float32Array;
  /** y, after the steps. [size], borrowed. */
  readonly trained: Float32Array;
  /** K, at least 1. */
  readonly steps: number;
  /** η of every step. */
  readonly learningRate: number;
}

/**
 * Option II: renews a client's control from its pass.
 * @param own cₖ, overwritten with cₖ⁺ @param global c, borrowed
 * @returns Δcₖ = cₖ⁺ − cₖ, which is sent with the update; the caller's to keep
 * @throws RangeError for steps or a rate that are not positive
 */
export function renewControl(own: Float32Array, global: Float32Array, pass: LocalPass): Float32Array {
  const { received, trained, steps, learningRate } = pass;
  checkLengths(own.length, { global, received, trained });
  const travelled = steps * learningRate;
  if (!(travelled > 0 && travelled < Infinity)) {
    throw new RangeError(`expected positive steps and learning rate, got ${steps} and ${learningRate}`);
  }
  const change = new Float32Array(own.length);
  for (let key = 0; key < own.length; key += 1) {
    const slope = ((received[key] ?? 0) - (trained[key] ?? 0)) / travelled;
    change[key] = slope - (global[key] ?? 0);
    own[key] = (own[key] ?? 0) + (change[key] ?? 0);
  }
  return change;
}

/**
 * Option I: the gradient at the received values is the new control.
 * @param own cₖ, overwritten @param gradient ∇Fₖ(x), borrowed @returns Δcₖ; the caller's to keep
 */
export function replaceControl(own: Float32Array, gradient: Float32Array): Float32Array {
  checkLengths(own.length, { gradient });
  const change = new Float32Array(own.length);
  for (let key = 0; key < own.length; key += 1) change[key] = (gradient[key] ?? 0) - (own[key] ?? 0);
  own.set(gradient);
  return change;
}

/**
 * The server's half: c ← c + (|S|/N)·mean Δc.
 * @param global c of the same keys, overwritten @param meanChange mean of the Δcₖ that came, borrowed
 * @param sampled |S|, whose changes came @param population N, all clients there are
 * @throws RangeError unless 1 ≤ sampled ≤ population
 */
export function moveControl(global: Float32Array, meanChange: Float32Array, sampled: number, population: number): void {
  checkLengths(global.length, { meanChange });
  if (!(sampled >= 1 && sampled <= population)) {
    throw new RangeError(`expected 1 ≤ sampled ≤ population, got ${sampled} of ${population}`);
  }
  const share = sampled / population;
  for (let key = 0; key < global.length; key += 1) {
    global[key] = (global[key] ?? 0) + share * (meanChange[key] ?? 0);
  }
}
