import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite, type KernelSite, type SiteVector } from "../../../test/support/kernel-site.ts";
import { int8Bytes } from "./families/encodings.ts";

const anyVector = fc
  .tuple(fc.integer({ min: 1, max: 700 }), fc.integer({ min: -30, max: 30 }), fc.nat())
  .map(([size, exponent, seed]) =>
    Float32Array.from({ length: size }, (_, i) => Math.sin((i + 1) * (seed + 1)) ** 5 * 2 ** exponent),
  );

function room(site: KernelSite, count: number): SiteVector {
  return site.blank(Math.ceil(int8Bytes(count) / 4));
}

/** Scales and integers as the documented format says, read byte for byte. */
function parse(site: KernelSite, at: number, count: number): { scales: number[]; integers: number[] } {
  const view = new DataView(site.memory.memory.buffer, at, int8Bytes(count));
  const scales: number[] = [];
  const integers: number[] = [];
  for (let byte = 0; integers.length < count;) {
    scales.push(view.getFloat32(byte, true));
    byte += 4;
    for (let left = Math.min(256, count - integers.length); left > 0; left--) integers.push(view.getInt8(byte++));
  }
  return { scales, integers };
}

describe.each(["baseline", "relaxed"] as const)("int8 blocks of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;

  it("hold each element within half a scale, which is the greatest magnitude / 127", () => {
    fc.assert(
      fc.property(anyVector, (values) => {
        const x = site.vector(values);
        const out = room(site, values.length);
        kernels.quantizeInt8(x.at, out.at, values.length);
        const { scales, integers } = parse(site, out.at, values.length);
        scales.forEach((scale, block) => {
          const part = values.subarray(block * 256, block * 256 + 256);
          expect(scale).toBe(Math.fround(part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127));
        });
        integers.forEach((integer, i) => {
          const scale = scales[i >> 8] ?? NaN;
          expect(Math.abs(integer)).toBeLessThanOrEqual(127);
          // Half a scale, and the rounding of 127/max and of the product: two ulps of at most 127 scales.
          expect(Math.abs((values[i] ?? NaN) - scale * integer)).toBeLessThanOrEqual(scale * (0.5 + 127 * 2 ** -22));
        });
        const decoded = site.blank(values.length);
        kernels.dequantizeInt8(out.at, decoded.at, values.length);
        expect([...decoded.view]).toEqual(integers.map((q, i) => Math.fround((scales[i >> 8] ?? NaN) * q) + 0));
        site.clear();
      }),
    );
  });

  it("adds what it decodes as decoding and axpy would", () => {
    fc.assert(
      fc.property(anyVector, fc.float({ min: -8, max: 8, noNaN: true }), (values, weight) => {
        const count = values.length;
        const x = site.vector(values);
        const out = room(site, count);
        kernels.quantizeInt8(x.at, out.at, count);
        const y = site.vector(values.toReversed());
        const wanted = site.vector(values.toReversed());
        const decoded = site.blank(count);
        kernels.dequantizeInt8(out.at, decoded.at, count);
        kernels.axpy(decoded.at, wanted.at, count, weight);
        kernels.dequantizeInt8Add(out.at, y.at, count, weight);
        expect(y.view).toEqual(wanted.view);
        site.clear();
      }),
    );
  });

  it("with feedback leaves in the residual just what the bytes do not say", () => {
    fc.assert(
      fc.property(anyVector, (values) => {
        const count = values.length;
        const x = site.vector(values);
        const before = values.map((value) => value * 0.01);
        const residual = site.vector(before);
        const out = room(site, count);
        kernels.quantizeInt8WithFeedback(x.at, residual.at, out.at, count);
        const { scales, integers } = parse(site, out.at, count);
        const wanted = values.map((value, i) => {
          const sum = Math.fround(value + (before[i] ?? 0));
          return sum - Math.fround((scales[i >> 8] ?? NaN) * (integers[i] ?? NaN));
        });
        expect([...residual.view]).toEqual([...wanted]);
        expect(x.view).toEqual(values);
        site.clear();
      }),
    );
  });

  it("loses nothing over many pushes when rounding is fed back: the sum stays within one scale", () => {
    const gradient = Float32Array.from({ length: 300 }, (_, i) => Math.cos(i) * 0.01 + (i === 7 ? 1 : 0));
    const [x, sum] = [site.vector(gradient), site.vector(new Float32Array(300))];
    const [residual, out] = [site.vector(new Float32Array(300)), room(site, 300)];
    for (let push = 0; push < 100; push++) {
      kernels.quantizeInt8WithFeedback(x.at, residual.at, out.at, 300);
      kernels.dequantizeInt8Add(out.at, sum.at, 300, 1);
    }
    // One scale is at most 1.01/127; 100 float32 additions of sums up to 100 add 100 · 2^-18.
    sum.view.forEach((total, i) => expect(Math.abs(total - 100 * (gradient[i] ?? 0))).toBeLessThan(0.0084));
    site.clear();
  });

  it("may be cut between blocks without changing a byte (K1)", () => {
    const values = Float32Array.from({ length: 700 }, (_, i) => Math.sin(i * i));
    const x = site.vector(values);
    const [whole, apart] = [room(site, 700), room(site, 700)];
    kernels.quantizeInt8(x.at, whole.at, 700);
    kernels.quantizeInt8(x.at, apart.at, 512);
    kernels.quantizeInt8(x.at + 512 * 4, apart.at + int8Bytes(512), 188);
    const bytes = (at: number): Uint8Array => new Uint8Array(site.memory.memory.buffer, at, int8Bytes(700));
    expect(bytes(apart.at)).toEqual(bytes(whole.at));
    site.clear();
  });

  it("gives zeros for a block without a magnitude worth a scale", () => {
    const x = site.vector([0, -0, 2 ** -121, -(2 ** -140)]);
    const out = room(site, 4);
    kernels.quantizeInt8(x.at, out.at, 4);
    expect(parse(site, out.at, 4)).toEqual({ scales: [0], integers: [0, 0, 0, 0] });
    site.clear();
  });
});
