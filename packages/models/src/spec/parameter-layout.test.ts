import { describe, expect, it } from "vitest";
import { initializeParameters } from "./initialize-parameters.ts";
import type { ModelSpec } from "./model-spec.ts";
import { layoutOf } from "./parameter-layout.ts";

const spec: ModelSpec = {
  inputs: 12,
  layers: [
    { type: "dense", outputs: 16 },
    { type: "activation", function: "relu" },
    { type: "dense", outputs: 9, activation: "tanh", bias: false },
    { type: "dense", outputs: 5, name: "head" },
  ],
  loss: { type: "softmax_cross_entropy" },
};

describe("layoutOf", () => {
  it("names parameters as PyTorch's Sequential and packs them without gaps", () => {
    expect(layoutOf(spec)).toMatchObject({
      size: 16 * 12 + 16 + 9 * 16 + 5 * 9 + 5,
      segments: [
        { name: "0.weight", shape: [16, 12], offset: 0, length: 192, role: "weight", frozen: false },
        { name: "0.bias", shape: [16], offset: 192, length: 16, role: "bias" },
        { name: "2.weight", shape: [9, 16], offset: 208, length: 144 },
        { name: "head.weight", shape: [5, 9], offset: 352, length: 45 },
        { name: "head.bias", shape: [5], offset: 397, length: 5 },
      ],
    });
  });
});

describe("initializeParameters", () => {
  it("draws each segment within one over the root of its fan-in", () => {
    const values = new Float32Array(layoutOf(spec).size);
    initializeParameters(spec, 3, values);
    for (const [offset, length, fanIn] of [
      [0, 208, 12],
      [208, 144, 16],
      [352, 50, 9],
    ] as const) {
      const part = values.subarray(offset, offset + length);
      const greatest = Math.max(...part.map(Math.abs));
      expect(greatest).toBeLessThanOrEqual(Math.fround(1 / Math.sqrt(fanIn)));
      expect(greatest).toBeGreaterThan(0.9 / Math.sqrt(fanIn));
    }
  });

  it("depends on the seed and on nothing else", () => {
    const draw = (seed: number, room = layoutOf(spec).size): Float32Array => {
      const values = new Float32Array(room).fill(9);
      initializeParameters(spec, seed, values);
      return values.subarray(0, layoutOf(spec).size);
    };
    expect(draw(1, 500)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    // Fixed values: a change here changes every training that was ever seeded.
    expect([...draw(1).subarray(0, 3)]).toMatchInlineSnapshot(`
      [
        -0.2469884157180786,
        -0.22097766399383545,
        -0.1251310110092163,
      ]
    `);
  });

  it("refuses a vector that is too short", () => {
    expect(() => initializeParameters(spec, 1, new Float32Array(4))).toThrow(RangeError);
  });
});
