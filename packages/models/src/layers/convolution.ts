/**
 * 2-D convolution of images [channels, height, width], as PyTorch's `Conv2d`: y[f] = activation(Σ over channels of
 * x[c] ⋆ weight[f, c] + bias[f]).
 *
 * Backward, with g = dy ⊙ f':  dWeight = Σ g·patchesᵀ,  dBias = Σ g,  dx = weightᵀ·g added up where patches overlap.
 * Initial values as PyTorch draws them: weight and bias uniform in ±1/√fan_in with fan_in = channels · kernel area.
 */
import {
  convolutionScratchBytes,
  convolvedSize,
  derivativeReadsInput,
  type Activation,
  type ConvolutionShape,
} from "@shoal/kernels-wasm";
import * as z from "zod/mini";
import type { Stage, StageDefinition, StageSite } from "../plan/stage.ts";
import { floatsOf, type ValueShape } from "../spec/value-shape.ts";
import { axesOf, checkFit, oneImage, paddingField, sizeField, type BothAxes } from "./image-input.ts";
import {
  LayerComplaint,
  type LayerFields,
  type ParameterDeclaration,
  type PrimitiveDefinition,
} from "./layer-definition.ts";
import { activationField, booleanField, countField, layerSchema } from "./layer-schema.ts";

/** weight is [filters, channels, kernel height, kernel width]. */
export interface ConvolutionLayer extends LayerFields {
  readonly type: "convolution";
  readonly filters: number;
  readonly kernel: BothAxes;
  /** Default 1. */
  readonly stride?: BothAxes | undefined;
  /** Zeros on each side; default 0. */
  readonly padding?: BothAxes | undefined;
  /** Channels of its input; checked where it is given. */
  readonly channels?: number | undefined;
  /** Fused into the layer; default `identity`. */
  readonly activation?: Activation | undefined;
  /** Default true. */
  readonly bias?: boolean | undefined;
}

const floatBytes = 4;

function shapeOf(layer: ConvolutionLayer, inputs: readonly ValueShape[]): ConvolutionShape {
  const { channels, height, width } = oneImage(inputs);
  if (layer.channels !== undefined && layer.channels !== channels) {
    throw new LayerComplaint(`expects ${layer.channels} channels, gets ${channels}`);
  }
  const [kernelHeight, kernelWidth] = axesOf(layer.kernel);
  const [strideY, strideX] = axesOf(layer.stride ?? 1);
  const [paddingY, paddingX] = axesOf(layer.padding ?? 0);
  checkFit(layer.kernel, height + 2 * paddingY, width + 2 * paddingX);
  const { filters } = layer;
  return { channels, height, width, filters, kernelHeight, kernelWidth, strideY, strideX, paddingY, paddingX };
}

function parametersOf(layer: ConvolutionLayer, inputs: readonly ValueShape[]): readonly ParameterDeclaration[] {
  const { channels, filters, kernelHeight, kernelWidth } = shapeOf(layer, inputs);
  const initial = { kind: "uniform", bound: 1 / Math.sqrt(channels * kernelHeight * kernelWidth) } as const;
  const shape = [filters, channels, kernelHeight, kernelWidth];
  const weight = { name: "weight", shape, role: "weight", initial } as const;
  const bias = { name: "bias", shape: [filters], role: "bias", initial } as const;
  return layer.bias === false ? [weight] : [weight, bias];
}

/** Values of one filter in the result of one sample. */
function positionsOf(shape: ConvolutionShape): number {
  const [height, width] = convolvedSize(shape);
  return height * width;
}

interface Work {
  readonly shape: ConvolutionShape;
  readonly activation: Activation;
  readonly hasBias: boolean;
}

function forwardOf(site: StageSite, { shape, activation, hasBias }: Work): Stage["forward"] {
  const { kernels } = site;
  const [weight = 0, bias = 0] = site.parameters;
  const [scratch = 0] = site.scratch;
  const x = site.inputs[0]?.at ?? 0;
  const y = site.output.at;
  const size = shape.filters * positionsOf(shape);
  // A function whose derivative needs its input cannot overwrite it: the sums are kept beside the outputs.
  const sums = site.keeps[0] ?? y;
  const fused = sums === y ? activation : "identity";
  return ({ parameters, rows }) => {
    const biasAt = hasBias ? parameters + bias : 0;
    kernels.convolution(x, parameters + weight, biasAt, sums, scratch, rows, shape, fused);
    if (sums !== y) kernels.activate(sums, y, rows * size, activation);
  };
}

function backwardOf(site: StageSite, { shape, activation, hasBias }: Work): Stage["backward"] {
  const { kernels, trains, outputGradient: g } = site;
  const [weight = 0, bias = 0] = site.parameters;
  const [scratch = 0] = site.scratch;
  const [into] = site.inputGradients;
  const x = site.inputs[0]?.at ?? 0;
  const known = site.keeps[0] ?? site.output.at;
  const positions = positionsOf(shape);
  const { filters } = shape;
  return ({ parameters, gradient, rows }) => {
    if (activation !== "identity") kernels.activateGradient(known, g, g, rows * filters * positions, activation);
    if (trains) {
      kernels.convolutionWeightGradient(x, g, gradient + weight, scratch, rows, shape);
      if (hasBias) kernels.channelSums(g, gradient + bias, rows, filters, positions);
    }
    if (into !== undefined) kernels.convolutionInputGradient(g, parameters + weight, into, scratch, rows, shape);
  };
}

function stageOf(layer: ConvolutionLayer, inputs: readonly ValueShape[]): StageDefinition {
  const shape = shapeOf(layer, inputs);
  const activation = layer.activation ?? "identity";
  const work: Work = { shape, activation, hasBias: layer.bias !== false };
  const keepsSums = derivativeReadsInput(activation);
  const size = shape.filters * positionsOf(shape);
  const isPadded = convolutionScratchBytes(shape, 1) > 0;
  return {
    keeps: (rows) => (keepsSums ? [rows * size * floatBytes] : []),
    scratch: (rows) => (isPadded ? [convolutionScratchBytes(shape, rows)] : []),
    keepsActivations: true,
    backwardReads: { inputs: true, output: activation !== "identity" && !keepsSums },
    create: (site) => ({ forward: forwardOf(site, work), backward: backwardOf(site, work) }),
  };
}

export const convolution: PrimitiveDefinition<ConvolutionLayer> = {
  kind: "primitive",
  schema: layerSchema("convolution", {
    filters: countField,
    kernel: sizeField,
    stride: z.optional(sizeField),
    padding: z.optional(paddingField),
    channels: z.optional(countField),
    activation: z.optional(activationField),
    bias: z.optional(booleanField),
  }),
  infer: (layer, inputs) => floatsOf(layer.filters, ...convolvedSize(shapeOf(layer, inputs))),
  parameters: parametersOf,
  flops(layer, inputs) {
    const shape = shapeOf(layer, inputs);
    const taps = shape.channels * shape.kernelHeight * shape.kernelWidth;
    const more = (layer.bias === false ? 0 : 1) + (layer.activation === undefined ? 0 : 1);
    return shape.filters * positionsOf(shape) * (2 * taps + more);
  },
  stage: stageOf,
  withActivation: (layer, activation) =>
    (layer.activation ?? "identity") === "identity" ? { ...layer, activation } : undefined,
};
