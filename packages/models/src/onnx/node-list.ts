/**
 * Collects the nodes and constants of an ONNX graph while the layers of a model are written one after the other. Names
 * that it makes up begin with `#`, which no name in a model does.
 */
import type { OnnxAttribute, OnnxConstant, OnnxNode } from "./onnx-model.ts";

/** Whole numbers and lists of them; other numbers as `{ float }`. */
export type AttributeValue = number | readonly number[] | { readonly float: number };

export interface NodeList {
  /** Adds an operator with one result. @returns the name of the result */
  add(operator: string, inputs: readonly string[], attributes?: Readonly<Record<string, AttributeValue>>): string;
  /** Adds an operator with several results. @returns their names */
  split(
    operator: string,
    inputs: readonly string[],
    count: number,
    attributes?: Readonly<Record<string, AttributeValue>>,
  ): readonly string[];
  /** Gives a result another name. */
  rename(from: string, to: string): void;
  /**
   * A float32 constant; a single number when `shape` is empty. Borrows `values` until the model is encoded; of two
   * constants with one name the first is used for both.
   */
  floats(values: Float32Array | readonly number[], shape: readonly number[], name?: string): string;
  /** A list of int64. */
  integers(values: readonly number[]): string;
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
}

export function createNodeList(): NodeList {
  const nodes: OnnxNode[] = [];
  const constants: OnnxConstant[] = [];
  const names = new Set<string>();
  const split: NodeList["split"] = (operator, inputs, count, attributes = {}) => {
    const outputs = Array.from({ length: count }, (_, index) => `#${operator}.${nodes.length}.${index}`);
    const entries = Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)] as const);
    nodes.push({ operator, inputs, outputs, attributes: Object.fromEntries(entries) });
    return outputs;
  };
  const constant = (
    name: string | undefined,
    type: OnnxConstant["type"],
    shape: readonly number[],
    data: ArrayBufferView,
  ): string => {
    const ownName = name ?? `#${constants.length}`;
    if (names.has(ownName)) return ownName;
    names.add(ownName);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    constants.push({ name: ownName, type, shape, bytes });
    return ownName;
  };
  return {
    split,
    add: (operator, inputs, attributes) => split(operator, inputs, 1, attributes)[0]!,
    rename: (from, to) => void nodes.push({ operator: "Identity", inputs: [from], outputs: [to], attributes: {} }),
    floats: (values, shape, name) =>
      constant(name, "float32", shape, values instanceof Float32Array ? values : Float32Array.from(values)),
    integers: (values) => constant(undefined, "int64", [values.length], BigInt64Array.from(values, BigInt)),
    nodes,
    constants,
  };
}

function attributeOf(value: AttributeValue): OnnxAttribute {
  if (typeof value === "number") return { kind: "integer", value };
  return "float" in value ? { kind: "float", value: value.float } : { kind: "integers", values: value };
}
