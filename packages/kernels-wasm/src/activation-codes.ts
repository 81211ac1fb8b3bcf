/** Numbers of the activations inside the kernels; the same as in `assembly/activations.ts`. */
import type { Activation } from "./families/activations.ts";

export const activationCodes: Readonly<Record<Activation, number>> = {
  identity: 0,
  relu: 1,
  tanh: 2,
  sigmoid: 3,
  gelu: 4,
};
