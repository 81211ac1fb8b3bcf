import { describe, expect, it } from "vitest";
import type { ModelSpec } from "../spec/model-spec.ts";
import { layoutOf } from "../spec/parameter-layout.ts";
import { decodeModelFile, encodeModelFile } from "./model-file.ts";
import { matchTensors, readTensors } from "./read-tensors.ts";

const spec: ModelSpec = {
  inputs: 3,
  layers: [{ type: "dense", outputs: 2 }],
  loss: { type: "mean_squared_error" },
};
const layout = layoutOf(spec);

/** A file as another tool writes it: no metadata, tensors one behind the other. */
function foreign(
  tensors: Readonly<Record<string, readonly [dtype: string, shape: readonly number[], bytes: Uint8Array]>>,
) {
  let at = 0;
  const header: Record<string, object> = {};
  for (const [name, [dtype, shape, { length }]] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + length] };
    at += length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer);
  return Uint8Array.from(
    [length, text, ...Object.values(tensors).map(([, , bytes]) => bytes)].flatMap((part) => [...part]),
  );
}

describe("foreign tensors", () => {
  it("of all real types are read as float32, others are passed over", () => {
    const found = readTensors(
      foreign({
        double: ["F64", [2], new Uint8Array(Float64Array.of(1.5, -2).buffer)],
        single: ["F32", [1, 2], new Uint8Array(Float32Array.of(0.1, 3).buffer)],
        half: ["F16", [2], new Uint8Array(Uint16Array.of(0x3c00, 0xc100).buffer)],
        brain: ["BF16", [], new Uint8Array(Uint16Array.of(0x4049).buffer)],
        batches: ["I64", [], new Uint8Array(8)],
      }),
    );
    expect([...found].map(([name, { shape, values }]) => [name, shape, [...values]])).toEqual([
      ["double", [2], [1.5, -2]],
      ["single", [1, 2], [Math.fround(0.1), 3]],
      ["half", [2], [1, -2.5]],
      ["brain", [], [3.140625]],
    ]);
  });

  it("whose bytes do not fit their shape are named", () => {
    expect(() => readTensors(foreign({ odd: ["F32", [3], new Uint8Array(8)] }))).toThrow(
      "tensor odd: F32 [3] in 8 bytes",
    );
  });

  it("start the parameters of the same name and shape", () => {
    const ones = new Uint8Array(Float32Array.of(1, 1).buffer);
    const tensors = readTensors(foreign({ "0.bias": ["F32", [2], ones], "0.weight": ["F32", [2], ones] }));
    expect(matchTensors(layout, tensors)).toEqual([{ offset: 6, values: Float32Array.of(1, 1) }]);
  });

  it("that hold what is not finite are an error with name and element", () => {
    const bytes = new Uint8Array(Float32Array.of(1, Number.NaN).buffer);
    const tensors = readTensors(foreign({ "0.bias": ["F32", [2], bytes], spare: ["F32", [2], bytes] }));
    expect(() => matchTensors(layout, tensors)).toThrow("tensor 0.bias: element 1 is NaN, no finite float32");
  });

  it("that match nothing are an error with the names of both sides", () => {
    const tensors = readTensors(foreign({ "fc.bias": ["F32", [1], new Uint8Array(4)] }));
    const sentence = "the model has 0.weight [2, 3], 0.bias [2]; the file has fc.bias [1]";
    expect(() => matchTensors(layout, tensors)).toThrow(sentence);
    expect(() => matchTensors(layout, new Map())).toThrow("the file has no tensors of real numbers");
  });
});

describe("a model file in half precision", () => {
  it.each([
    ["float16", 2 ** -11],
    ["bfloat16", 2 ** -8],
  ] as const)("%s holds the parameters to half a unit of its last digit", (precision, unit) => {
    const parameters = Float32Array.from({ length: layout.size }, (_, index) => Math.sin(index + 1));
    const file = encodeModelFile(spec, parameters, {}, precision);
    expect(file.length).toBeLessThan(encodeModelFile(spec, parameters).length);
    for (const [index, value] of decodeModelFile(file).parameters.entries()) {
      const expected = parameters[index] ?? Number.NaN;
      expect(Math.abs(value - expected)).toBeLessThanOrEqual(unit * Math.abs(expected));
    }
  });
});
