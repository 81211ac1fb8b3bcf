/**
 * Loss scaling: small gradients are moved up by a factor while they are computed, and back afterwards, so that they do
 * not vanish on the way. Where that makes one overflow, the factor is halved and the same batch computed again.
 *
 * Every batch begins with the same factor: what a contribution is depends on the batch and the values alone, not on who
 * computed what before.
 * Source  Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2.
 */
import { ShoalError } from "@shoal/errors";
import type { Offset } from "@shoal/kernels-wasm";
import { gradientOf, type GradientStep, type PlanFrame } from "./run.ts";

/** A factor, or `dynamic`: 2¹⁶ to begin with. A power of two changes no bits but those of the exponent. */
export type LossScale = number | "dynamic";

const dynamicScale = 2 ** 16;
const floatBytes = Float32Array.BYTES_PER_ELEMENT;
/** From 2¹⁶ down to 2⁻⁸: a gradient that overflows even then is not finite by itself. */
const maximumHalvings = 24;

/** @throws ShoalError (its result) not_finite when the gradient overflows however small the factor */
export function scaledGradient(lossScale: LossScale): GradientStep {
  const first = lossScale === "dynamic" ? dynamicScale : lossScale;
  return (frame, parameters, gradient, rows, draw, gates) => {
    const { kernels, parameterCount } = frame;
    let scale = first;
    if (scale === 1) return gradientOf(frame, parameters, gradient, rows, draw, 1, gates);
    for (let halvings = 0; halvings <= maximumHalvings; halvings += 1) {
      const loss = gradientOf(frame, parameters, gradient, rows, draw, scale, gates);
      // Without a loss there is nothing to be had from another factor: the caller sees that training has diverged.
      if (!Number.isFinite(loss)) return loss;
      if (kernels.allFinite(gradient, parameterCount)) {
        unscale(frame, gradient, scale);
        return loss;
      }
      scale /= 2;
    }
    const sentence = `the gradient is not finite, whatever the losses are multiplied by (down to ${scale})`;
    throw new ShoalError("not_finite", `${sentence}: training has diverged, lower the learning rate`, { scale });
  };
}

function unscale({ kernels, scaled }: PlanFrame, gradient: Offset, scale: number): void {
  for (let index = 0; index < scaled.length; index += 1) {
    const range = scaled[index];
    if (range !== undefined) kernels.scale(gradient + range.begin * floatBytes, range.length, 1 / scale);
  }
}
