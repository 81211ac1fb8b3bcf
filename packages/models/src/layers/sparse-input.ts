/** The check of inputs that the layers for sparse rows share. */
import type { Place } from "../plan/stage.ts";
import { describeShape, type SparseShape, type ValueShape } from "../spec/value-shape.ts";
import { LayerComplaint } from "./layer-definition.ts";
import { oneInput } from "./one-input.ts";

/** @throws LayerComplaint when the layer is given anything but one input of sparse rows */
export function oneSparseInput(inputs: readonly ValueShape[]): SparseShape {
  const input = oneInput(inputs);
  if (input.kind !== "sparse") throw new LayerComplaint(`expects sparse rows, gets ${describeShape(input)}`);
  return input;
}

/** Where the rows stand, as the kernels take them. */
export function sparseRows(place: Place | undefined): readonly [rowOffsets: number, indices: number, values: number] {
  return [place?.at ?? 0, place?.indices ?? 0, place?.values ?? 0];
}
