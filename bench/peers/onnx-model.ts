/**
 * ONNX models of one operator, as the bytes of the protocol buffer. The second operand is a constant of the model, so
 * that the runtime may pack it once: that is how it runs a layer's weights.
 *
 * Source    onnx.proto3 of ONNX 1.16: the numbers of the fields.
 */

export interface Constant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface OperatorModel {
  readonly operator: string;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly constants: readonly Constant[];
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  readonly integers?: Readonly<Record<string, number>>;
  readonly integerLists?: Readonly<Record<string, readonly number[]>>;
}

const floatType = 1;
const attributeInt = 2;
const attributeInts = 7;
const irVersion = 8;
const opset = 17;

/** @returns a ModelProto with the operator as its only node */
export function encodeOperator(model: OperatorModel): Uint8Array {
  const inputs = [model.input.name, ...model.constants.map((constant) => constant.name)];
  const node = join(
    ...inputs.map((name) => text(1, name)),
    text(2, model.output.name),
    text(4, model.operator),
    ...Object.entries(model.integers ?? {}).map(([name, value]) =>
      bytes(5, join(text(1, name), integer(3, value), integer(20, attributeInt))),
    ),
    ...Object.entries(model.integerLists ?? {}).map(([name, values]) =>
      bytes(5, join(text(1, name), ...values.map((value) => integer(8, value)), integer(20, attributeInts))),
    ),
  );
  const graph = join(
    bytes(1, node),
    text(2, model.operator),
    ...model.constants.map((constant) => bytes(5, encodeConstant(constant))),
    bytes(11, describe(model.input.name, model.input.shape)),
    bytes(12, describe(model.output.name, model.output.shape)),
  );
  return join(integer(1, irVersion), bytes(7, graph), bytes(8, integer(2, opset)));
}

function encodeConstant(constant: Constant): Uint8Array {
  const { values } = constant;
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return join(
    ...constant.shape.map((size) => integer(1, size)),
    integer(2, floatType),
    text(8, constant.name),
    bytes(9, raw),
  );
}

function describe(name: string, shape: readonly number[]): Uint8Array {
  const dimensions = join(...shape.map((size) => bytes(1, integer(1, size))));
  const type = bytes(1, join(integer(1, floatType), bytes(2, dimensions)));
  return join(text(1, name), bytes(2, type));
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function bytes(field: number, content: Uint8Array): Uint8Array {
  return join(variableLength(field * 8 + 2), variableLength(content.length), content);
}

function integer(field: number, value: number): Uint8Array {
  return join(variableLength(field * 8), variableLength(value));
}

function variableLength(value: number): Uint8Array {
  const groups: number[] = [];
  for (let rest = value; groups.length === 0 || rest > 0; rest = Math.floor(rest / 128)) groups.push(rest % 128);
  return Uint8Array.from(groups, (group, index) => (index < groups.length - 1 ? group + 128 : group));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
