/**
 * Batch norm over the first axis of a sample: the channels of an image [channels, height, width] (PyTorch's
 * `BatchNorm2d`) or the features of a row (`BatchNorm1d`). Ioffe and Szegedy, ICML 2015.
 *
 *   training    y = (x − batch mean) / √(batch variance + ε) · weight + bias, with the biased variance
 *   evaluation  the same with the running statistics
 *   running statistics move by `momentum` of what they differ from the batch's, whose variance is unbiased there
 *
 * The difference is handed to the shard as the statistic's gradient. A frozen layer keeps its statistics and normalises
 * by them in training too: fine-tuning must not depend on how the batches of the new data are cut.
 */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import * as z from "zod/mini";
import type { Stage, StageDefinition, StageSite } from "../plan/stage.ts";
import { elementsOf, type FloatsShape, type ValueShape } from "../spec/value-shape.ts";
import {
  LayerComplaint,
  type Initializer,
  type LayerFields,
  type ParameterDeclaration,
  type PrimitiveDefinition,
} from "./layer-definition.ts";
import { layerSchema, positiveField } from "./layer-schema.ts";
import { oneFloatsInput } from "./one-input.ts";

export interface BatchNormLayer extends LayerFields {
  readonly type: "batch_norm";
  /** Default 1e-5. */
  readonly epsilon?: number | undefined;
  /** Default 0.1. */
  readonly momentum?: number | undefined;
}

const floatBytes = 4;
const defaultEpsilon = 1e-5;
const defaultMomentum = 0.1;

function channelsOf(input: FloatsShape): number {
  const [channels] = input.shape;
  if (channels === undefined) throw new LayerComplaint("expects an input with at least one axis, gets a single number");
  return channels;
}

interface Sizes {
  readonly channels: number;
  /** Values of one channel in one sample. */
  readonly positions: number;
  readonly epsilon: number;
}

/** Offsets of a call: they move with the parameter vector. */
interface Offsets {
  readonly weight: Offset;
  readonly bias: Offset;
  readonly mean: Offset;
  readonly variance: Offset;
}

function offsetsOf(site: StageSite): Offsets {
  const [weight = 0, bias = 0, mean = 0, variance = 0] = site.parameters;
  return { weight, bias, mean, variance };
}

function forwardOf(site: StageSite, { channels, positions, epsilon }: Sizes): Stage["forward"] {
  const { kernels, trains } = site;
  const own = offsetsOf(site);
  const [mean = 0, variance = 0] = site.keeps;
  const x = site.inputs[0]?.at ?? 0;
  const y = site.output.at;
  return ({ parameters, rows, training }) => {
    const ofBatch = training && trains;
    if (ofBatch) kernels.channelMoments(x, mean, variance, rows, channels, positions);
    kernels.batchNorm(
      x,
      parameters + own.weight,
      parameters + own.bias,
      ofBatch ? mean : parameters + own.mean,
      ofBatch ? variance : parameters + own.variance,
      y,
      rows,
      channels,
      positions,
      epsilon,
    );
  };
}

/** For a layer that trains: the batch's moments are functions of x. */
function backwardOf(site: StageSite, { channels, positions, epsilon }: Sizes): Stage["backward"] {
  const { kernels, outputGradient: dy } = site;
  const own = offsetsOf(site);
  const [mean = 0, variance = 0] = site.keeps;
  const x = site.inputs[0]?.at ?? 0;
  const into = site.inputGradients[0] ?? 0;
  return ({ parameters, gradient, rows }) => {
    kernels.batchNormGradient(
      x,
      dy,
      parameters + own.weight,
      mean,
      variance,
      into,
      gradient + own.weight,
      gradient + own.bias,
      rows,
      channels,
      positions,
      epsilon,
    );
    const count = rows * positions;
    // One value has no variance: it says nothing about the running one.
    const ofVariance = gradient + own.variance;
    if (count === 1) kernels.fill(ofVariance, channels, 0);
    else difference(kernels, parameters + own.variance, variance, count / (count - 1), ofVariance, channels);
    difference(kernels, parameters + own.mean, mean, 1, gradient + own.mean, channels);
  };
}

/** out = running − factor · batch. */
function difference(
  kernels: Kernels,
  running: Offset,
  batch: Offset,
  factor: number,
  out: Offset,
  count: number,
): void {
  kernels.scaleInto(batch, out, count, -factor);
  kernels.axpy(running, out, count, 1);
}

/** For a frozen layer: a scale and a shift that do not depend on x. */
function frozenBackwardOf(site: StageSite, { channels, positions, epsilon }: Sizes): Stage["backward"] {
  const { kernels, outputGradient: dy } = site;
  const own = offsetsOf(site);
  const [into] = site.inputGradients;
  return ({ parameters, rows }) => {
    const [weight, variance] = [parameters + own.weight, parameters + own.variance];
    if (into !== undefined) kernels.batchNorm(dy, weight, 0, 0, variance, into, rows, channels, positions, epsilon);
  };
}

function stageOf(layer: BatchNormLayer, inputs: readonly ValueShape[]): StageDefinition {
  const input = oneFloatsInput(inputs);
  const channels = channelsOf(input);
  const positions = elementsOf(input.shape) / channels;
  const sizes: Sizes = { channels, positions, epsilon: layer.epsilon ?? defaultEpsilon };
  return {
    keeps: () => [channels * floatBytes, channels * floatBytes],
    backwardReads: { inputs: true, output: false },
    gradientInPlace: true,
    create: (site) => ({
      forward: forwardOf(site, sizes),
      backward: site.trains ? backwardOf(site, sizes) : frozenBackwardOf(site, sizes),
    }),
  };
}

function parametersOf(layer: BatchNormLayer, inputs: readonly ValueShape[]): readonly ParameterDeclaration[] {
  const shape = [channelsOf(oneFloatsInput(inputs))];
  const rate = layer.momentum ?? defaultMomentum;
  const zeros: Initializer = { kind: "constant", value: 0 };
  const ones: Initializer = { kind: "constant", value: 1 };
  return [
    { name: "weight", shape, role: "norm", initial: ones },
    { name: "bias", shape, role: "norm", initial: zeros },
    { name: "running_mean", shape, role: "statistic", initial: zeros, rate },
    { name: "running_var", shape, role: "statistic", initial: ones, rate },
  ];
}

const momentumWords = "a number in (0, 1]";
const momentumField = z
  .number({ error: momentumWords })
  .check(z.positive({ error: momentumWords }), z.maximum(1, { error: momentumWords }));

/** Mean, variance and the way through them: about eight operations a value. */
const flopsPerValue = 8;

export const batchNorm: PrimitiveDefinition<BatchNormLayer> = {
  kind: "primitive",
  schema: layerSchema("batch_norm", { epsilon: z.optional(positiveField), momentum: z.optional(momentumField) }),
  infer(_layer, inputs) {
    const input = oneFloatsInput(inputs);
    channelsOf(input);
    return input;
  },
  parameters: parametersOf,
  flops: (_layer, inputs) => flopsPerValue * elementsOf(oneFloatsInput(inputs).shape),
  stage: stageOf,
};
