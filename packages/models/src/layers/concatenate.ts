/** Values one behind the other along their last axis; the other axes are the same for all. */
import type { StageDefinition } from "../plan/stage.ts";
import { describeShape, elementsOf, type FloatsShape, type ValueShape } from "../spec/value-shape.ts";
import { LayerComplaint, type LayerFields, type PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";
import { floatsOnly, lastAxisOf } from "./one-input.ts";

/** Joins the values named in `from`, at least two, along the last axis. */
export interface ConcatenateLayer extends LayerFields {
  readonly type: "concatenate";
}

function shapeOf(inputs: readonly ValueShape[]): FloatsShape {
  const shapes = inputs.map(floatsOnly);
  const [first] = shapes;
  if (first === undefined || shapes.length < 2) {
    throw new LayerComplaint(`expects two or more inputs (from), gets ${inputs.length}`);
  }
  const leading = first.shape.slice(0, -1);
  const odd = shapes.find(({ shape }) => shape.slice(0, -1).join() !== leading.join());
  if (odd !== undefined) {
    const sentence = "expects inputs that differ in their last axis only";
    throw new LayerComplaint(`${sentence}, gets ${describeShape(first)} and ${describeShape(odd)}`);
  }
  return { kind: "floats", shape: [...leading, shapes.reduce((sum, shape) => sum + lastAxisOf(shape), 0)] };
}

const floatBytes = 4;

function stageOf(inputs: readonly ValueShape[], output: ValueShape): StageDefinition {
  const widths = inputs.map((input) => lastAxisOf(floatsOnly(input)));
  const width = lastAxisOf(floatsOnly(output));
  const positions = elementsOf(floatsOnly(output).shape) / width;
  return {
    backwardReads: { inputs: false, output: false },
    create({ kernels, inputs: places, output: joined, outputGradient, inputGradients }) {
      const parts = places.map(({ at }) => at);
      return {
        forward({ rows }) {
          let column = 0;
          for (let index = 0; index < parts.length; index += 1) {
            const own = widths[index] ?? 0;
            const part = parts[index] ?? 0;
            for (let row = 0; row < rows * positions; row += 1) {
              kernels.copy(part + row * own * floatBytes, joined.at + (row * width + column) * floatBytes, own);
            }
            column += own;
          }
        },
        backward({ rows }) {
          let column = 0;
          for (let index = 0; index < parts.length; index += 1) {
            const own = widths[index] ?? 0;
            const into = inputGradients[index];
            for (let row = 0; row < rows * positions && into !== undefined; row += 1) {
              kernels.copy(outputGradient + (row * width + column) * floatBytes, into + row * own * floatBytes, own);
            }
            column += own;
          }
        },
      };
    },
  };
}

export const concatenate: PrimitiveDefinition<ConcatenateLayer> = {
  kind: "primitive",
  schema: layerSchema("concatenate", {}),
  infer: (_layer, inputs) => shapeOf(inputs),
  parameters: () => [],
  flops: () => 0,
  stage: (_layer, inputs, output) => stageOf(inputs, output),
};
