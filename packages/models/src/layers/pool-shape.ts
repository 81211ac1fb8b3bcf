/** What the pooling layers share: windows over the planes of an image, without padding, rounded down at the borders. */
import { pooledSize, type PoolShape } from "@shoal/kernels-wasm";
import * as z from "zod/mini";
import { floatsOf, type FloatsShape, type ValueShape } from "../spec/value-shape.ts";
import { axesOf, checkFit, oneImage, sizeField, type BothAxes } from "./image-input.ts";
import type { LayerFields } from "./layer-definition.ts";

export interface PoolFields extends LayerFields {
  readonly kernel: BothAxes;
  /** Default: the kernel, so that windows neither overlap nor leave gaps. */
  readonly stride?: BothAxes | undefined;
}

/** As a type, not an interface: see `CommonFields` of layer-schema.ts. */
type PoolSchemaFields = {
  readonly kernel: z.ZodMiniType<BothAxes>;
  readonly stride: z.ZodMiniOptional<z.ZodMiniType<BothAxes>>;
};

export const poolFields: PoolSchemaFields = { kernel: sizeField, stride: z.optional(sizeField) };

export interface Pool {
  readonly channels: number;
  readonly shape: PoolShape;
  readonly result: FloatsShape;
}

/** @throws LayerComplaint when the input is no image or too small */
export function poolOf(layer: PoolFields, inputs: readonly ValueShape[]): Pool {
  const { channels, height, width } = oneImage(inputs);
  checkFit(layer.kernel, height, width);
  const [kernelHeight, kernelWidth] = axesOf(layer.kernel);
  const [strideY, strideX] = axesOf(layer.stride ?? layer.kernel);
  const shape: PoolShape = { height, width, kernelHeight, kernelWidth, strideY, strideX };
  return { channels, shape, result: floatsOf(channels, ...pooledSize(shape)) };
}

/** One comparison or addition for each value of each window. */
export function poolFlops(layer: PoolFields, inputs: readonly ValueShape[]): number {
  const { channels, shape } = poolOf(layer, inputs);
  const [rows, columns] = pooledSize(shape);
  return channels * rows * columns * shape.kernelHeight * shape.kernelWidth;
}
