/**
 * The part of an ONNX file that a trained model needs, and its bytes.
 *
 * Source    onnx.proto of ONNX 1.16 (Apache-2.0): the numbers of fields and of types.
 */
import {
  bytesField,
  floatField,
  integerField,
  join,
  messageField,
  textField,
  toBytes,
  type Message,
} from "./protobuf.ts";

export type OnnxType = "float32" | "int32" | "int64";

/** A number that is not whole is written as a float; a list holds whole numbers. */
export type OnnxAttribute =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "integer"; readonly value: number }
  | { readonly kind: "integers"; readonly values: readonly number[] };

export interface OnnxNode {
  /** Such as `Gemm`. */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxConstant {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  /** Little-endian, as the memory of every platform that runs JavaScript is. */
  readonly bytes: Uint8Array;
}

/** Text is a name for a size that is not fixed. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Opset 17 has layer normalisation and is understood by every runtime since 2022; it belongs to version 8 of the format. */
const opset = 17;
const irVersion = 8;
const producer = "shoal";

const typeCodes: Readonly<Record<OnnxType, number>> = { float32: 1, int32: 6, int64: 7 };
const attributeCodes = { float: 1, integer: 2, integers: 7 } as const;

/** Bytes of a ModelProto. Borrows the constants. */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const graph = messageField(
    7,
    ...model.nodes.map((node, index) => messageField(1, ...nodeFields(node, index))),
    textField(2, model.name),
    ...model.constants.map((constant) => messageField(5, ...constantFields(constant))),
    ...model.inputs.map((value) => messageField(11, ...valueFields(value))),
    ...model.outputs.map((value) => messageField(12, ...valueFields(value))),
  );
  const metadata = Object.entries(model.metadata).map(([key, value]) =>
    messageField(14, textField(1, key), textField(2, value)),
  );
  const version = messageField(8, textField(1, ""), integerField(2, opset));
  return toBytes(join([integerField(1, irVersion), textField(2, producer), graph, version, ...metadata]));
}

function nodeFields({ operator, inputs, outputs, attributes }: OnnxNode, index: number): readonly Message[] {
  return [
    ...inputs.map((name) => textField(1, name)),
    ...outputs.map((name) => textField(2, name)),
    textField(3, `${operator}_${index}`),
    textField(4, operator),
    ...Object.entries(attributes).map(([name, attribute]) => messageField(5, ...attributeFields(name, attribute))),
  ];
}

function attributeFields(name: string, attribute: OnnxAttribute): readonly Message[] {
  const { kind } = attribute;
  const described = [textField(1, name), integerField(20, attributeCodes[kind])];
  switch (kind) {
    case "float":
      return [...described, floatField(2, attribute.value)];
    case "integer":
      return [...described, integerField(3, attribute.value)];
    case "integers":
      return [...described, ...attribute.values.map((value) => integerField(8, value))];
  }
}

function constantFields({ name, type, shape, bytes }: OnnxConstant): readonly Message[] {
  return [
    ...shape.map((size) => integerField(1, size)),
    integerField(2, typeCodes[type]),
    textField(8, name),
    bytesField(9, bytes),
  ];
}

function valueFields({ name, type, shape }: OnnxValue): readonly Message[] {
  const dimensions = shape.map((size) =>
    messageField(1, typeof size === "number" ? integerField(1, size) : textField(2, size)),
  );
  const tensor = messageField(1, integerField(1, typeCodes[type]), messageField(2, ...dimensions));
  return [textField(1, name), messageField(2, tensor)];
}
