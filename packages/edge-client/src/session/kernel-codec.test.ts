import { createRandom } from "@shoal/actors/browser";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { describe, expect, it } from "vitest";
import { createKernelCodec } from "./kernel-codec.ts";

const modules = await loadKernelModules();
const size = 10_000;

function updates(count: number): Float32Array[] {
  const random = createRandom("updates");
  return Array.from({ length: count }, () => Float32Array.from({ length: size }, () => random.uniform() - 0.5));
}

describe("a client's encodings", () => {
  it("take the bytes that a phone's line is spared", () => {
    const codec = createKernelCodec(modules);
    const [update = new Float32Array()] = updates(1);
    const bytesOf = (name: string): number =>
      codec.encode(name, update, { draw: 1, leftOver: undefined }).content.length / (4 * size);
    // Of float32; the lossy ones have scales or indices beside their values.
    expect(bytesOf("float32")).toBe(1);
    expect(bytesOf("bfloat16")).toBeCloseTo(1 / 2, 2);
    expect(bytesOf("int8")).toBeLessThan(0.27);
    expect(bytesOf("int4")).toBeLessThan(0.15);
    expect(bytesOf("top_k")).toBeLessThan(0.21); // a tenth of the values, each with its index
  });

  it.each(["float32", "bfloat16", "int8", "int4", "top_k"])("lose nothing over rounds: %s", (name) => {
    const codec = createKernelCodec(modules);
    const sent = new Float64Array(size);
    const wanted = new Float64Array(size);
    let leftOver: Float32Array | undefined;
    for (const [round, update] of updates(5).entries()) {
      const encoded = codec.encode(name, update, { draw: round, leftOver });
      ({ leftOver } = encoded);
      const arrived = codec.decode(name, encoded.content, size);
      for (let key = 0; key < size; key += 1) {
        sent[key] = (sent[key] ?? 0) + (arrived[key] ?? 0);
        wanted[key] = (wanted[key] ?? 0) + (update[key] ?? 0);
      }
    }
    // What has arrived and what is left over are all there was: up to roundings of float32 sums below 3 in magnitude.
    const gap = Math.max(...sent.map((value, key) => Math.abs(value + (leftOver?.[key] ?? 0) - (wanted[key] ?? 0))));
    expect(gap).toBeLessThan(5 * 2 ** -22);
    expect(leftOver === undefined).toBe(name === "float32");
  });

  it("gives the same bytes for the same update and leftover, in whichever process", () => {
    const [first = new Float32Array(), second = new Float32Array()] = updates(2);
    const here = createKernelCodec(modules);
    const { leftOver } = here.encode("int4", first, { draw: 1, leftOver: undefined });
    const next = here.encode("int4", second, { draw: 2, leftOver });
    expect(createKernelCodec(modules).encode("int4", second, { draw: 2, leftOver })).toEqual(next);
    expect(createKernelCodec(modules).encode("int4", second, { draw: 2, leftOver: undefined })).not.toEqual(next);
  });

  it("passes over a leftover of another model", () => {
    const codec = createKernelCodec(modules);
    const [update = new Float32Array()] = updates(1);
    const plain = codec.encode("int8", update, { draw: 1, leftOver: undefined });
    expect(codec.encode("int8", update, { draw: 1, leftOver: new Float32Array(7).fill(1) })).toEqual(plain);
  });

  it("refuses updates that are not finite, and encodings that it does not have", () => {
    const codec = createKernelCodec(modules);
    const bad = new Float32Array(size).fill(Number.NaN);
    const options = { draw: 1, leftOver: undefined };
    expect(() => codec.encode("int8", bad, options)).toThrow("NaN");
    expect(() => codec.encode("morse", new Float32Array(size), options)).toThrow("morse");
  });
});
