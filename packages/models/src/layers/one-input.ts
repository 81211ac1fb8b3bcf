/** The checks of inputs that most layers share. */
import { describeShape, type FloatsShape, type ValueShape } from "../spec/value-shape.ts";
import { LayerComplaint } from "./layer-definition.ts";

/** @throws LayerComplaint when a layer that reads one value is given several */
export function oneInput(inputs: readonly ValueShape[]): ValueShape {
  const [first] = inputs;
  if (first === undefined || inputs.length > 1) throw new LayerComplaint(`expects one input, gets ${inputs.length}`);
  return first;
}

/** @throws LayerComplaint when a layer that reads one value of floats is given something else */
export function oneFloatsInput(inputs: readonly ValueShape[]): FloatsShape {
  return floatsOnly(oneInput(inputs));
}

/** @throws LayerComplaint for tokens and sparse rows */
export function floatsOnly(value: ValueShape): FloatsShape {
  if (value.kind !== "floats") throw new LayerComplaint(`expects numbers, gets ${describeShape(value)}`);
  return value;
}

/** The last axis of a value: what a dense layer or a norm works on. @throws LayerComplaint when there is none */
export function lastAxisOf(value: FloatsShape): number {
  const width = value.shape.at(-1);
  if (width === undefined) throw new LayerComplaint("expects an input with at least one axis, gets a single number");
  return width;
}
