/** Safetensors of any origin, such as PyTorch's: values to start a training from. */
import { ShoalError } from "@shoal/errors";
import type { ParameterLayout, Segment } from "../spec/parameter-layout.ts";
import { elementsOf } from "../spec/value-shape.ts";
import { elementTypeOf, readElements } from "./element-types.ts";
import { corrupt, readHeader } from "./header.ts";

export interface Tensor {
  readonly shape: readonly number[];
  /** Row-major, a copy. */
  readonly values: Float32Array;
}

/**
 * All tensors of real numbers (F64, F32, F16, BF16) of a file, as float32; counters and masks are passed over. Borrows
 * `bytes`.
 * @throws ShoalError data_corrupt, with the byte position
 */
export function readTensors(bytes: Uint8Array): ReadonlyMap<string, Tensor> {
  const { tensors, dataBegin } = readHeader(bytes);
  const found = new Map<string, Tensor>();
  for (const [name, { dtype, shape, begin, end }] of tensors) {
    const type = elementTypeOf(dtype);
    if (type === undefined) continue;
    const length = elementsOf(shape);
    if (end - begin !== length * type.bytes) {
      throw corrupt(`tensor ${name}: ${dtype} [${shape.join(", ")}] in ${end - begin} bytes`, dataBegin + begin);
    }
    const values = new Float32Array(length);
    readElements(type, bytes, dataBegin + begin, values);
    found.set(name, { shape, values });
  }
  return found;
}

/** Values for the elements of the parameter vector from `offset`. */
export interface InitialTensor {
  readonly offset: number;
  readonly values: Float32Array;
}

const shownNames = 8;

/**
 * The tensors that a model has as well: of the same name and shape. The others stay as they are drawn.
 * @throws ShoalError layout_mismatch when there is none; the message lists names of both sides
 * @throws ShoalError data_corrupt when one of them holds a value that is not finite as float32
 */
export function matchTensors(layout: ParameterLayout, tensors: ReadonlyMap<string, Tensor>): readonly InitialTensor[] {
  const matched = layout.segments.flatMap(({ name, shape, offset }) => {
    const tensor = tensors.get(name);
    if (tensor === undefined || tensor.shape.join() !== shape.join()) return [];
    checkFinite(name, tensor.values);
    return [{ offset, values: tensor.values }];
  });
  if (matched.length > 0) return matched;
  const own = listOf(layout.segments.map((segment: Segment) => `${segment.name} [${segment.shape.join(", ")}]`));
  const given = listOf([...tensors].map(([name, { shape }]) => `${name} [${shape.join(", ")}]`));
  const sentence = `the file has none of the model's parameters: the model has ${own}; the file has ${given}`;
  throw new ShoalError("layout_mismatch", sentence, { expected: layout.size, found: 0 });
}

function checkFinite(name: string, values: Float32Array): void {
  const element = values.findIndex((value) => !Number.isFinite(value));
  if (element < 0) return;
  const sentence = `tensor ${name}: element ${element} is ${values[element]}, no finite float32`;
  throw new ShoalError("data_corrupt", sentence, { tensor: name, element });
}

function listOf(names: readonly string[]): string {
  if (names.length === 0) return "no tensors of real numbers";
  return names.slice(0, shownNames).join(", ") + (names.length > shownNames ? `, … (${names.length})` : "");
}
