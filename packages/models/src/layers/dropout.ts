/**
 * Dropout: in training an element is 0 with probability `rate` and x/(1 − rate) else; otherwise the layer does nothing
 * (Srivastava et al., JMLR 2014). Its mask is a function of seed, epoch, sample and layer, so the backward pass draws it
 * again, and any worker that computes a batch draws the same one.
 */
import type { BackwardCall, ForwardCall, StageDefinition } from "../plan/stage.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import type { LayerFields, PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema, rateField } from "./layer-schema.ts";
import { oneFloatsInput } from "./one-input.ts";

export interface DropoutLayer extends LayerFields {
  readonly type: "dropout";
  /** Share of elements that are dropped, in [0, 1). */
  readonly rate: number;
}

function stageOf({ rate }: DropoutLayer, inputs: readonly ValueShape[]): StageDefinition {
  const width = elementsOf(oneFloatsInput(inputs).shape);
  return {
    backwardReads: { inputs: false, output: false },
    inPlace: true,
    gradientInPlace: true,
    create({ kernels, inputs: [from], output, outputGradient, inputGradients: [into], index }) {
      const drop = (x: number, y: number, { rows, training, draw }: ForwardCall): void => {
        if (training && rate > 0) kernels.dropout(x, y, rows, width, rate, draw, index);
        else if (x !== y) kernels.copy(x, y, rows * width);
      };
      const x = from?.at ?? 0;
      return {
        forward: (call) => drop(x, output.at, call),
        backward(call: BackwardCall) {
          if (into !== undefined) drop(outputGradient, into, call);
        },
      };
    },
  };
}

export const dropout: PrimitiveDefinition<DropoutLayer> = {
  kind: "primitive",
  schema: layerSchema("dropout", { rate: rateField }),
  infer: (_layer, inputs) => oneFloatsInput(inputs),
  parameters: () => [],
  flops: (_layer, inputs) => elementsOf(oneFloatsInput(inputs).shape),
  stage: stageOf,
};
