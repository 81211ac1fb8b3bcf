import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isShoalError } from "@shoal/errors";
import type { ModelSpec } from "../spec/model-spec.ts";
import { layoutOf } from "../spec/parameter-layout.ts";
import { decodeModelFile, encodeModelFile } from "./model-file.ts";

const spec: ModelSpec = {
  inputs: 3,
  layers: [
    { type: "dense", outputs: 2, activation: "relu" },
    { type: "dense", outputs: 2, bias: false, name: "head" },
  ],
  loss: { type: "softmax_cross_entropy" },
};
const parameters = Float32Array.from({ length: layoutOf(spec).size }, (_, index) => index / 3);

const models: fc.Arbitrary<ModelSpec> = fc.record({
  inputs: fc.integer({ min: 1, max: 9 }),
  layers: fc.array(
    fc.record({ type: fc.constant("dense" as const), outputs: fc.integer({ min: 2, max: 9 }), bias: fc.boolean() }),
    { minLength: 1, maxLength: 4 },
  ),
  loss: fc.constant({ type: "softmax_cross_entropy" as const }),
});
const metadata = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }));

/** The header as other tools read it. */
function headerOf(bytes: Uint8Array): Record<string, unknown> {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  return JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, unknown>;
}

function withHeader(header: unknown, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

describe("model files", () => {
  it("come back as they were written, bit for bit", () => {
    fc.assert(
      fc.property(models, metadata, fc.integer(), (model, extra, seed) => {
        const bits = Uint32Array.from({ length: layoutOf(model).size }, (_, index) =>
          Math.imul(seed ^ index, 2654435761),
        );
        const values = new Float32Array(bits.buffer);
        const file = decodeModelFile(encodeModelFile(model, values, extra));
        expect(file.spec).toEqual(model);
        expect(new Map(Object.entries(file.metadata))).toEqual(new Map(Object.entries(extra)));
        expect(new Uint32Array(file.parameters.buffer)).toEqual(bits);
      }),
    );
  });

  it("are safetensors with the names and shapes of PyTorch", () => {
    const bytes = encodeModelFile(spec, parameters, { run: "r-1" });
    expect(headerOf(bytes)).toMatchObject({
      __metadata__: { run: "r-1" },
      "0.weight": { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
      "0.bias": { dtype: "F32", shape: [2], data_offsets: [24, 32] },
      "head.weight": { dtype: "F32", shape: [2, 2], data_offsets: [32, 48] },
    });
    const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(headerLength % 8).toBe(0);
    expect(bytes.length).toBe(8 + headerLength + 48);
    expect(bytes[8]).toBe("{".codePointAt(0));
  });

  it("never decode damaged bytes without an error that says where", () => {
    const bytes = encodeModelFile(spec, parameters);
    const headerEnd = bytes.length - 48;
    fc.assert(
      fc.property(fc.nat({ max: headerEnd - 1 }), fc.integer({ min: 1, max: 255 }), (position, flip) => {
        const damaged = bytes.slice();
        damaged[position] = (damaged[position] ?? 0) ^ flip;
        try {
          decodeModelFile(damaged);
        } catch (error) {
          if (!isShoalError(error, "data_corrupt")) throw error;
          expect(error.details["position"]).toBeTypeOf("number");
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        expect(() => decodeModelFile(noise)).toThrow(expect.objectContaining({ code: "data_corrupt" }));
      }),
    );
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeModelFile(bytes.subarray(0, length))).toThrow("model file: ");
    }
  });

  it("say which tensor is wrong", () => {
    const bytes = encodeModelFile(spec, parameters);
    const header = headerOf(bytes);
    const data = bytes.subarray(bytes.length - 48);
    const entry = { dtype: "F32", shape: [2], data_offsets: [24, 32] };
    const decode = (change: object) => (): unknown => decodeModelFile(withHeader({ ...header, ...change }, data));
    expect(decode({})).not.toThrow();
    expect(decode({ "0.bias": { ...entry, dtype: "F16" } })).toThrow("tensor 0.bias: expected F16 [2], found F16 [2]");
    expect(decode({ "0.bias": { ...entry, dtype: "I32" } })).toThrow("expected F32 [2], found I32 [2] in 8 bytes");
    expect(decode({ "0.bias": { ...entry, shape: [1, 2] } })).toThrow("found F32 [1, 2]");
    expect(decode({ "0.bias": { ...entry, data_offsets: [24, 99] } })).toThrow("claims bytes [24,99] of the 48 bytes");
    expect(decode({ "0.bias": { ...entry, data_offsets: [16, 24] } })).toThrow("tensors overlap or leave a gap");
    expect(decode({ "0.bias": undefined })).toThrow("overlap or leave a gap");
    expect(decode({ extra: { dtype: "F32", shape: [0], data_offsets: [48, 48] } })).toThrow(
      "4 tensors for a model of 3",
    );
    expect(decode({ __metadata__: { "shoal.model": "{}" } })).toThrow("bad specification");
    expect(decode({ __metadata__: {} })).toThrow('no specification ("shoal.model")');
    expect(decode({ __metadata__: { a: 1 } })).toThrow("must map text to text");
  });

  it("refuse parameters of another size and a reserved metadata key", () => {
    expect(() => encodeModelFile(spec, parameters.subarray(1))).toThrow(
      expect.objectContaining({ code: "layout_mismatch" }),
    );
    expect(() => encodeModelFile(spec, parameters, { "shoal.model": "" })).toThrow("is reserved");
  });
});
