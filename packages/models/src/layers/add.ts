/** Sum of values of one shape: y = Σ xᵢ, dxᵢ = dy. */
import type { StageDefinition } from "../plan/stage.ts";
import { describeShape, elementsOf, type FloatsShape, type ValueShape } from "../spec/value-shape.ts";
import { LayerComplaint, type LayerFields, type PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";
import { floatsOnly } from "./one-input.ts";

/** Adds the values named in `from`, at least two of one shape. */
export interface AddLayer extends LayerFields {
  readonly type: "add";
}

function shapeOf(inputs: readonly ValueShape[]): FloatsShape {
  const [first, ...others] = inputs.map(floatsOnly);
  if (first === undefined || others.length === 0) {
    throw new LayerComplaint(`expects two or more inputs (from), gets ${inputs.length}`);
  }
  const wanted = describeShape(first);
  const odd = others.find((other) => describeShape(other) !== wanted);
  if (odd !== undefined)
    throw new LayerComplaint(`expects inputs of one shape, gets ${wanted} and ${describeShape(odd)}`);
  return first;
}

function stageOf(inputs: readonly ValueShape[]): StageDefinition {
  const width = elementsOf(shapeOf(inputs).shape);
  return {
    backwardReads: { inputs: false, output: false },
    inPlace: true,
    gradientInPlace: true,
    create({ kernels, inputs: places, output, outputGradient, inputGradients }) {
      const terms = places.map(({ at }) => at);
      return {
        forward({ rows }) {
          const count = rows * width;
          const [first = 0] = terms;
          if (first !== output.at) kernels.copy(first, output.at, count);
          for (let index = 1; index < terms.length; index += 1) kernels.axpy(terms[index] ?? 0, output.at, count, 1);
        },
        backward({ rows }) {
          for (let index = 0; index < inputGradients.length; index += 1) {
            const into = inputGradients[index];
            if (into !== undefined && into !== outputGradient) kernels.copy(outputGradient, into, rows * width);
          }
        },
      };
    },
  };
}

export const add: PrimitiveDefinition<AddLayer> = {
  kind: "primitive",
  schema: layerSchema("add", {}),
  infer: (_layer, inputs) => shapeOf(inputs),
  parameters: () => [],
  flops: (_layer, inputs) => (inputs.length - 1) * elementsOf(shapeOf(inputs).shape),
  stage: (_layer, inputs) => stageOf(inputs),
};
