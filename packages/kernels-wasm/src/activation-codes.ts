/** Numbers of the activations inside the kernels; the same as in `assembly/activations.ts`. */
import type { Activation } from "./families/activations.ts";

export const activationCodes: Readonly<Record<Activation, number>> = {
  identity: 0,
  relu: 1,
  tanh: 2,
  sigmoid: 3,
  gelu: 4,
  leaky_relu: 5,
  gelu_tanh: 6,
  silu: 7,
  softplus: 8,
};

const fromInput: ReadonlySet<Activation> = new Set(["gelu", "gelu_tanh", "silu", "softplus"]);

/**
 * Whether `activateGradient` wants the activation's input rather than its output: its derivative is not a function of the
 * output (gelu, gelu_tanh, silu), or loses its digits there (softplus).
 */
export function derivativeReadsInput(activation: Activation): boolean {
  return fromInput.has(activation);
}

export const activationNames: readonly Activation[] = Object.keys(activationCodes) as Activation[];
