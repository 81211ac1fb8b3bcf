import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../../test/support/kernel-site.ts";
import { layoutOf } from "@shoal/models";
import type { GradientClip } from "@shoal/protocol";
import { clipGradient, learningRanges } from "./clip-gradient.ts";

const site = createKernelSite("relaxed");
const { kernels } = site;

const anyVector = fc
  .tuple(
    fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 90 }),
    fc.integer({ min: -9, max: 9 }),
  )
  .map(([values, exponent]) => Float32Array.from(values, (value) => value * 2 ** exponent));
const anyLimit = fc.float({ min: Math.fround(1e-3), max: 100, noNaN: true });

function clipped(
  clip: GradientClip,
  values: ArrayLike<number>,
  ranges = [{ begin: 0, end: values.length }],
): Float32Array | undefined {
  const gradient = site.vector(values);
  const isFinite = clipGradient({ clip, ranges }, kernels, gradient.at);
  const result = gradient.view.slice();
  site.clear();
  return isFinite ? result : undefined;
}

describe("clipping a gradient", () => {
  it("by norm leaves a short one as it is, and turns a long one into one of that norm in the same direction", () => {
    fc.assert(
      fc.property(anyVector, anyLimit, (values, norm) => {
        const before = Math.hypot(...values);
        const result = clipped({ norm }, values) ?? new Float32Array();
        if (before + 2e-6 < norm) expect(result).toEqual(values);
        // As PyTorch computes it, in float64; the norm and the product are rounded to 24 bits each.
        const factor = Math.min(1, norm / (before + 1e-6));
        result.forEach((value, i) => {
          const wanted = (values[i] ?? NaN) * factor;
          expect(Math.abs(value - wanted)).toBeLessThanOrEqual(Math.abs(wanted) * 2e-6 + 1e-42);
        });
      }),
    );
  });

  it("by value bounds each element alone", () => {
    fc.assert(
      fc.property(anyVector, anyLimit, (values, value) => {
        expect(clipped({ value }, values)).toEqual(values.map((each) => Math.max(-value, Math.min(value, each))));
      }),
    );
  });

  it("by norm also bounds elements whose squares are infinite", () => {
    const result = clipped({ norm: 5 }, [3e38, -3e38, 3e38, 3e38, 1]) ?? [];
    // The norm is √4 · 3e38: each great element becomes 5/2, within two roundings.
    [2.5, -2.5, 2.5, 2.5, 0].forEach((wanted, i) => expect(Math.abs((result[i] ?? NaN) - wanted)).toBeLessThan(1e-6));
  });

  it("takes several ranges as one vector, and leaves out what lies between them", () => {
    const ranges = [
      { begin: 0, end: 1 },
      { begin: 2, end: 4 },
    ];
    // The norm of (2, 3, 6) is 7; 1e-6 beside it is below the tolerance.
    const result = clipped({ norm: 3.5 }, [2, 100, 3, 6, NaN], ranges) ?? [];
    [1, 100, 1.5, 3].forEach((wanted, i) => expect(Math.abs((result[i] ?? NaN) - wanted)).toBeLessThan(2e-6));
    expect(clipped({ value: 1 }, [2, 100, 3, -6, NaN], ranges)).toEqual(Float32Array.of(1, 100, 1, -1, NaN));
  });

  it("concerns the parameters that learn", () => {
    const layout = layoutOf({
      inputs: 3,
      layers: [
        { type: "dense", outputs: 4 },
        { type: "batch_norm" },
        { type: "dense", outputs: 4, frozen: true },
        { type: "dense", outputs: 2 },
      ],
      loss: { type: "softmax_cross_entropy" },
    });
    const at = (name: string) => layout.segments.find((segment) => segment.name === name) ?? layout.segments[0];
    const ranges = learningRanges(layout, [{ parameters: "3.bias", frozen: true }]);
    expect(ranges).toEqual([
      { begin: 0, end: 24 },
      { begin: at("3.weight")?.offset, end: at("3.bias")?.offset },
    ]);
  });

  it("leaves zeros zeros", () => {
    expect(clipped({ norm: 1 }, [0, 0, 0])).toEqual(new Float32Array(3));
  });

  it.each([{ norm: 1 }, { value: 1 }])("says when there is NaN or an infinity: %j", (clip) => {
    expect(clipped(clip, [1, NaN, 2])).toBeUndefined();
    expect(clipped(clip, [1, 2, 3, 4, -Infinity])).toBeUndefined();
  });
});
