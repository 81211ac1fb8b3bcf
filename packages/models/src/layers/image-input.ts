/** What the layers on images share: their input, and fields that hold one number for both axes or one for each. */
import * as z from "zod/mini";
import { modelBounds } from "../spec/model-bounds.ts";
import { describeShape, type ValueShape } from "../spec/value-shape.ts";
import { LayerComplaint } from "./layer-definition.ts";
import { countField } from "./layer-schema.ts";
import { oneFloatsInput } from "./one-input.ts";

export interface Image {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** One number for both axes, or [vertical, horizontal]. */
export type BothAxes = number | readonly [vertical: number, horizontal: number];

/** @throws LayerComplaint when the input is not [channels, height, width] */
export function oneImage(inputs: readonly ValueShape[]): Image {
  const input = oneFloatsInput(inputs);
  const [channels, height, width] = input.shape;
  if (channels === undefined || height === undefined || width === undefined || input.shape.length !== 3) {
    throw new LayerComplaint(`expects an image (channels × height × width), gets ${describeShape(input)}`);
  }
  return { channels, height, width };
}

export function axesOf(value: BothAxes): readonly [vertical: number, horizontal: number] {
  return typeof value === "number" ? [value, value] : value;
}

/** @throws LayerComplaint when no kernel fits into the image, whose sides include its padding */
export function checkFit(kernel: BothAxes, height: number, width: number): void {
  const [kernelHeight, kernelWidth] = axesOf(kernel);
  if (kernelHeight > height || kernelWidth > width) {
    throw new LayerComplaint(`a ${kernelHeight}×${kernelWidth} kernel does not fit into ${height}×${width}`);
  }
}

const sizeWords = "a positive integer, or two of them: [vertical, horizontal]";
const paddingWords = "an integer of 0 or more, or two of them: [vertical, horizontal]";

/** Two of them are not a `z.tuple`: clients would load what tells tuples of any lengths, optional items and rests apart. */
function bothAxes(axis: z.ZodMiniType<number>, error: string): z.ZodMiniType<BothAxes> {
  const two = z.array(axis).check(z.length(2)) as unknown as z.ZodMiniType<readonly [number, number]>;
  return z.union([axis, two], { error });
}

/** Positive numbers: kernels and strides. */
export const sizeField: z.ZodMiniType<BothAxes> = bothAxes(countField, sizeWords);

const zeroWords = "an integer of 0 or more";
const zeroOrMore = z
  .int({ error: zeroWords })
  .check(z.minimum(0, { error: zeroWords }), z.maximum(modelBounds.width, { error: `at most ${modelBounds.width}` }));

export const paddingField: z.ZodMiniType<BothAxes> = bothAxes(zeroOrMore, paddingWords);
