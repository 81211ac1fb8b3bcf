/** 2-D convolution on images [rows, channels, height, width], as PyTorch's Conv2d computes it. */
import type { Offset } from "../kernels.ts";
import type { Activation, ActivationKernels } from "./activations.ts";

/** Sizes of a convolution. The result has ⌊(height + 2·paddingY − kernelHeight) / strideY⌋ + 1 rows, likewise columns. */
export interface ConvolutionShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  /** Zeros on either side. */
  readonly paddingY: number;
  readonly paddingX: number;
}

export interface ConvolutionKernels {
  /**
   * y[rows, filters, …] = activation(x ⋆ weight + bias) with weight [filters, channels, kernelHeight, kernelWidth] and
   * bias [filters] (0: none). Overwrites y and scratch.
   */
  convolution(
    x: Offset,
    weight: Offset,
    bias: Offset,
    y: Offset,
    scratch: Offset,
    rows: number,
    shape: ConvolutionShape,
    activation: Activation,
  ): void;
  /** dWeight = the gradient by the weight, summed over the samples. Overwrites dWeight and scratch. */
  convolutionWeightGradient(
    x: Offset,
    dy: Offset,
    dWeight: Offset,
    scratch: Offset,
    rows: number,
    shape: ConvolutionShape,
  ): void;
  /** dx = the gradient by the images. Overwrites dx and scratch. */
  convolutionInputGradient(
    dy: Offset,
    weight: Offset,
    dx: Offset,
    scratch: Offset,
    rows: number,
    shape: ConvolutionShape,
  ): void;
}

export interface ConvolutionExports {
  /** Precedes each of the others. */
  setConvolution(
    channels: number,
    height: number,
    width: number,
    filters: number,
    kernelHeight: number,
    kernelWidth: number,
    strideY: number,
    strideX: number,
    paddingY: number,
    paddingX: number,
  ): void;
  convolution(x: Offset, weight: Offset, bias: Offset, y: Offset, scratch: Offset, rows: number, relu: number): void;
  convolutionWeightGradient(x: Offset, dy: Offset, dWeight: Offset, scratch: Offset, rows: number): void;
  convolutionInputGradient(dy: Offset, weight: Offset, dx: Offset, scratch: Offset, rows: number): void;
}

export function convolutionKernels(
  raw: ConvolutionExports,
  { activate }: Pick<ActivationKernels, "activate">,
): ConvolutionKernels {
  const use = (shape: ConvolutionShape): void =>
    raw.setConvolution(
      shape.channels,
      shape.height,
      shape.width,
      shape.filters,
      shape.kernelHeight,
      shape.kernelWidth,
      shape.strideY,
      shape.strideX,
      shape.paddingY,
      shape.paddingX,
    );
  return {
    convolution(x, weight, bias, y, scratch, rows, shape, activation) {
      use(shape);
      raw.convolution(x, weight, bias, y, scratch, rows, activation === "relu" ? 1 : 0);
      if (activation === "relu" || activation === "identity") return;
      const [height, width] = convolvedSize(shape);
      activate(y, y, rows * shape.filters * height * width, activation);
    },
    convolutionWeightGradient(x, dy, dWeight, scratch, rows, shape) {
      use(shape);
      raw.convolutionWeightGradient(x, dy, dWeight, scratch, rows);
    },
    convolutionInputGradient(dy, weight, dx, scratch, rows, shape) {
      use(shape);
      raw.convolutionInputGradient(dy, weight, dx, scratch, rows);
    },
  };
}

/** Rows and columns of the result. */
export function convolvedSize(shape: ConvolutionShape): readonly [height: number, width: number] {
  return [
    Math.floor((shape.height + 2 * shape.paddingY - shape.kernelHeight) / shape.strideY) + 1,
    Math.floor((shape.width + 2 * shape.paddingX - shape.kernelWidth) / shape.strideX) + 1,
  ];
}

/** Images are padded a group at a time, as many as make up so many positions of the result. */
const groupPositions = 512;

/** Bytes of `scratch` that the three passes need for `rows` samples: padded images; 0 without padding. */
export function convolutionScratchBytes(shape: ConvolutionShape, rows: number): number {
  const { channels, height, width, paddingY, paddingX } = shape;
  if (paddingY === 0 && paddingX === 0) return 0;
  const [resultHeight, resultWidth] = convolvedSize(shape);
  const samples = Math.min(rows, Math.max(1, Math.floor(groupPositions / (resultHeight * resultWidth))));
  return samples * channels * (height + 2 * paddingY) * (width + 2 * paddingX) * 4;
}
