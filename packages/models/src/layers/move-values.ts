/** The stage of layers that change a value's shape alone: nothing moves where the plan gives it one buffer. */
import type { StageDefinition } from "../plan/stage.ts";
import { elementsOf, type FloatsShape } from "../spec/value-shape.ts";

export function movingStage(value: FloatsShape): StageDefinition {
  const size = elementsOf(value.shape);
  return {
    backwardReads: { inputs: false, output: false },
    inPlace: true,
    gradientInPlace: true,
    create({ kernels, inputs: [from], output, outputGradient, inputGradients: [into] }) {
      const x = from?.at ?? 0;
      return {
        forward({ rows }) {
          if (x !== output.at) kernels.copy(x, output.at, rows * size);
        },
        backward({ rows }) {
          if (into !== undefined && into !== outputGradient) kernels.copy(outputGradient, into, rows * size);
        },
      };
    },
  };
}
