/**
 * Batch norm on x[rows, channels, positions]: images with `positions` pixels, or features with positions 1. Weight, bias,
 * mean and variance have one number a channel.
 */
import type { Offset } from "../kernels.ts";

export interface BatchNormKernels {
  /** out[channels] = Σ x over rows and positions, added up in float64: the bias gradient of a convolution. */
  channelSums(x: Offset, out: Offset, rows: number, channels: number, positions: number): void;
  /** Mean and biased variance of each channel, in two passes with sums in float64. */
  channelMoments(x: Offset, mean: Offset, variance: Offset, rows: number, channels: number, positions: number): void;
  /**
   * y = (x − mean) / √(variance + epsilon) · weight + bias; mean or bias 0: none. y may equal x. With the batch's own
   * moments or with running ones.
   */
  batchNorm(
    x: Offset,
    weight: Offset,
    bias: Offset,
    mean: Offset,
    variance: Offset,
    y: Offset,
    rows: number,
    channels: number,
    positions: number,
    epsilon: number,
  ): void;
  /**
   * Gradients where mean and variance are the batch's own. Overwrites dWeight, dBias and dx (0: not wanted); dx may equal
   * dy.
   */
  batchNormGradient(
    x: Offset,
    dy: Offset,
    weight: Offset,
    mean: Offset,
    variance: Offset,
    dx: Offset,
    dWeight: Offset,
    dBias: Offset,
    rows: number,
    channels: number,
    positions: number,
    epsilon: number,
  ): void;
}

export type BatchNormExports = Pick<BatchNormKernels, keyof BatchNormKernels>;

export function batchNormKernels(raw: BatchNormExports): BatchNormKernels {
  return {
    channelSums: raw.channelSums,
    channelMoments: raw.channelMoments,
    batchNorm: raw.batchNorm,
    batchNormGradient: raw.batchNormGradient,
  };
}
