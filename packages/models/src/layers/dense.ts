/**
 * Fully connected layer on the last axis of its input: y = f(x·Wᵀ + b).
 *
 * Backward, with g = dy ⊙ f':  dW = gᵀ·x,  db = Σ rows of g,  dx = g·W.
 * Initial values, unless a deviation is given, as PyTorch's `Linear` draws them: weight and bias uniform in ±1/√fan_in (He et al., ICCV 2015, with the
 * gain for a = √5, which leaves 1/√fan_in).
 */
import { derivativeReadsInput, type Activation } from "@shoal/kernels-wasm";
import * as z from "zod/mini";
import type { Stage, StageDefinition, StageSite } from "../plan/stage.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import {
  LayerComplaint,
  type LayerFields,
  type ParameterDeclaration,
  type PrimitiveDefinition,
} from "./layer-definition.ts";
import { activationField, booleanField, countField, layerSchema, positiveField } from "./layer-schema.ts";
import { lastAxisOf, oneFloatsInput } from "./one-input.ts";

/** `y = activation(x · weightᵀ + bias)`; weight is [outputs, inputs], row-major, as in PyTorch's `Linear`. */
export interface DenseLayer extends LayerFields {
  readonly type: "dense";
  readonly outputs: number;
  /** Width of its input; checked where it is given. */
  readonly inputs?: number | undefined;
  /** Fused into the layer; default `identity`. */
  readonly activation?: Activation | undefined;
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** Draws the weights from a normal distribution of this deviation, and lets the bias begin at 0. */
  readonly deviation?: number | undefined;
}

const floatBytes = 4;

function widthOf(layer: DenseLayer, inputs: readonly ValueShape[]): number {
  const width = lastAxisOf(oneFloatsInput(inputs));
  if (layer.inputs !== undefined && layer.inputs !== width) {
    throw new LayerComplaint(`expects ${layer.inputs} inputs, gets ${width}`);
  }
  return width;
}

function parametersOf(layer: DenseLayer, inputs: readonly ValueShape[]): readonly ParameterDeclaration[] {
  const width = widthOf(layer, inputs);
  const { deviation } = layer;
  const uniform = { kind: "uniform", bound: 1 / Math.sqrt(width) } as const;
  const initial = deviation === undefined ? uniform : ({ kind: "normal", deviation } as const);
  const level = deviation === undefined ? uniform : ({ kind: "constant", value: 0 } as const);
  const weight = { name: "weight", shape: [layer.outputs, width], role: "weight", initial } as const;
  const bias = { name: "bias", shape: [layer.outputs], role: "bias", initial: level } as const;
  return layer.bias === false ? [weight] : [weight, bias];
}

/** What the kernels are told: `positions` rows of each sample, `inputs` numbers in and `outputs` out for each. */
interface DenseShape {
  readonly positions: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: Activation;
  readonly hasBias: boolean;
}

function forwardOf(site: StageSite, shape: DenseShape): Stage["forward"] {
  const { kernels } = site;
  const { positions, inputs, outputs, activation, hasBias } = shape;
  const [weight = 0, bias = 0] = site.parameters;
  const [x] = site.inputs;
  const from = x?.at ?? 0;
  const y = site.output.at;
  // A function whose derivative needs its input cannot overwrite it: the sums are kept beside the outputs.
  const sums = site.keeps[0] ?? y;
  const fused = sums === y ? activation : "identity";
  return ({ parameters, rows }) => {
    const count = rows * positions;
    const biasAt = hasBias ? parameters + bias : 0;
    kernels.dense(from, parameters + weight, biasAt, sums, count, inputs, outputs, fused);
    if (sums !== y) kernels.activate(sums, y, count * outputs, activation);
  };
}

function backwardOf(site: StageSite, shape: DenseShape): Stage["backward"] {
  const { kernels, trains, outputGradient: g } = site;
  const { positions, inputs, outputs, activation, hasBias } = shape;
  const [weight = 0, bias = 0] = site.parameters;
  const [x] = site.inputs;
  const from = x?.at ?? 0;
  const known = site.keeps[0] ?? site.output.at;
  const [into] = site.inputGradients;
  return ({ parameters, gradient, rows }) => {
    const count = rows * positions;
    if (activation !== "identity") kernels.activateGradient(known, g, g, count * outputs, activation);
    if (trains) {
      kernels.matmulTransposeA(g, from, gradient + weight, outputs, count, inputs, false);
      if (hasBias) kernels.sumRows(g, gradient + bias, count, outputs);
    }
    if (into !== undefined) kernels.matmul(g, parameters + weight, into, count, outputs, inputs, false);
  };
}

function stageOf(layer: DenseLayer, inputs: readonly ValueShape[]): StageDefinition {
  const input = oneFloatsInput(inputs);
  const width = widthOf(layer, inputs);
  const activation = layer.activation ?? "identity";
  const positions = elementsOf(input.shape) / width;
  const { outputs } = layer;
  const shape: DenseShape = { positions, inputs: width, outputs, activation, hasBias: layer.bias !== false };
  const keepsSums = derivativeReadsInput(activation);
  return {
    keeps: (rows) => (keepsSums ? [rows * positions * outputs * floatBytes] : []),
    keepsActivations: true,
    backwardReads: { inputs: true, output: activation !== "identity" && !keepsSums },
    create: (site) => ({ forward: forwardOf(site, shape), backward: backwardOf(site, shape) }),
  };
}

export const dense: PrimitiveDefinition<DenseLayer> = {
  kind: "primitive",
  schema: layerSchema("dense", {
    outputs: countField,
    inputs: z.optional(countField),
    activation: z.optional(activationField),
    bias: z.optional(booleanField),
    deviation: z.optional(positiveField),
  }),
  infer(layer, inputs) {
    widthOf(layer, inputs);
    return { kind: "floats", shape: [...oneFloatsInput(inputs).shape.slice(0, -1), layer.outputs] };
  },
  parameters: parametersOf,
  flops(layer, inputs) {
    const elements = elementsOf(oneFloatsInput(inputs).shape);
    const perPosition = (layer.bias === false ? 0 : 1) + (layer.activation === undefined ? 0 : 1);
    return 2 * elements * layer.outputs + (elements / widthOf(layer, inputs)) * layer.outputs * perPosition;
  },
  stage: stageOf,
  withActivation: (layer, activation) =>
    (layer.activation ?? "identity") === "identity" ? { ...layer, activation } : undefined,
};
