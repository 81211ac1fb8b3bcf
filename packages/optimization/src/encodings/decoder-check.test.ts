import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEnds } from "../../../../test/support/encoding-ends.ts";
import type { EncodingSpec } from "./encoding-spec.ts";

const vector = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i + 1));
const refusal = expect.objectContaining({ code: "codec_failed" });

function sent(spec: EncodingSpec): ReturnType<typeof createEnds> {
  const ends = createEnds(spec, { size: 300, matrices: [{ offset: 0, rows: 12, columns: 20 }] });
  ends.encode(vector, 1);
  return ends;
}

const all: readonly EncodingSpec[] = [
  { name: "float32" },
  { name: "bfloat16" },
  { name: "float16" },
  { name: "int8" },
  { name: "int4" },
  { name: "one_bit" },
  { name: "two_bit" },
  { name: "top_k", share: 0.1 },
  { name: "random_k", share: 0.1 },
  { name: "power_sgd" },
];

describe("what a decoder refuses", () => {
  it.each(all)("$name: bytes of another length", (spec) => {
    const ends = sent(spec);
    for (const length of [0, ends.encoder.bytes - 4, ends.encoder.bytes + 4]) {
      expect(() => ends.decode(length)).toThrowError(refusal);
    }
  });

  it.each([
    ["beyond the end", 0, 300],
    ["below zero", 0, -1],
    ["twice", 4, 0],
    ["out of order", 4, -5],
  ])("an index %s", (_what, at, value) => {
    const ends = sent({ name: "top_k", share: 0.1 });
    const first = ends.bytes.getInt32(0, true);
    ends.bytes.setInt32(at, at === 0 ? value : first + value, true);
    const into = new Float32Array(300).fill(2);
    expect(() => ends.accumulate(into, 1)).toThrowError(refusal);
    expect(() => ends.decode()).toThrowError(refusal);
  });

  it.each([
    ["int8", 260],
    ["int4", 36],
    ["one_bit", 0],
  ] as const)("a scale of %s that is not finite, or negative", (name, at) => {
    for (const scale of [NaN, Infinity, -1]) {
      const ends = sent({ name });
      ends.bytes.setFloat32(at, scale, true);
      expect(() => ends.decode()).toThrowError(refusal);
    }
  });

  it.each([
    [{ name: "top_k", share: 0.1 }, 4 * 31],
    [{ name: "random_k", share: 0.1 }, 8],
    [{ name: "power_sgd" }, 40],
  ] as const)("a value of $name that is not finite", (spec, at) => {
    const ends = sent(spec);
    ends.bytes.setFloat32(at, NaN, true);
    expect(() => ends.decode()).toThrowError(refusal);
  });

  it.each(all)("$name: no bytes whatever make it write outside or throw anything else", (spec) => {
    const ends = sent(spec);
    const length = ends.encoder.bytes;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: length, maxLength: length }), (bytes) => {
        bytes.forEach((byte, i) => ends.bytes.setUint8(i, byte));
        try {
          ends.decode();
        } catch (error) {
          expect(error).toEqual(refusal);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("what an encoder does not continue from", () => {
  it("a snapshot of another encoding, length, or with NaN", () => {
    const { encoder } = sent({ name: "power_sgd" });
    const good = encoder.snapshot();
    const bad = [
      { ...good, name: "int8" },
      { ...good, residual: null },
      { ...good, residual: new Float32Array(299) },
      { ...good, residual: new Float32Array(300).fill(NaN) },
      { ...good, factors: null },
      { ...good, factors: new Float32Array(1) },
    ];
    for (const snapshot of bad) {
      expect(() => encoder.restore(snapshot)).toThrowError(expect.objectContaining({ code: "snapshot_corrupt" }));
    }
    expect(encoder.snapshot()).toEqual(good);
  });
});
