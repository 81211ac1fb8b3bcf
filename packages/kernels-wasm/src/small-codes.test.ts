import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite, type KernelSite, type SiteVector } from "../../../test/support/kernel-site.ts";
import { int4Bytes, signBytes, thresholdBytes } from "./families/encodings.ts";

const anyVector = fc
  .tuple(fc.integer({ min: 1, max: 2100 }), fc.integer({ min: -30, max: 30 }), fc.nat())
  .map(([size, exponent, seed]) =>
    Float32Array.from({ length: size }, (_, i) => Math.sin((i + 1) * (seed + 1)) ** 5 * 2 ** exponent),
  );

/** What a kernel wrote, and what it left of the vector. */
interface Packed {
  readonly bytes: DataView;
  readonly at: number;
  readonly error: Float32Array;
}

type Pack = (x: number, out: number, count: number) => void;

/** The vector filled up with zeros to the next multiple of 16, between guards. */
function pack(site: KernelSite, values: ArrayLike<number>, bytes: number, run: Pack): Packed {
  const padded = new Float32Array(Math.ceil(values.length / 16) * 16);
  padded.set(values);
  const x = site.vector(padded);
  const out: SiteVector = site.blank(Math.ceil(bytes / 4));
  run(x.at, out.at, values.length);
  const view = new DataView(site.memory.memory.buffer, out.at, bytes);
  return { bytes: view, at: out.at, error: x.view.subarray(0, values.length) };
}

function unpack(site: KernelSite, packed: Packed, count: number, run: Pack): Float32Array {
  const out = site.blank(Math.ceil(count / 16) * 16);
  run(packed.at, out.at, count);
  return out.view.subarray(0, count);
}

const difference = (one: Float32Array, other: Float32Array): Float32Array =>
  one.map((value, i) => value - (other[i] ?? NaN));

describe.each(["baseline", "relaxed"] as const)("encodings below a byte of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;
  const packInt4: Pack = (x, out, count) => kernels.packInt4(x, out, count);
  const unpackInt4: Pack = (x, out, count) => kernels.unpackInt4(x, out, count);
  const packSigns: Pack = (x, out, count) => kernels.packSigns(x, out, count);
  const unpackSigns: Pack = (x, out, count) => kernels.unpackSigns(x, out, count);

  it("int4 holds each element within half a scale, which is the greatest magnitude of its 64 / 7", () => {
    fc.assert(
      fc.property(anyVector, (values) => {
        const count = values.length;
        const packed = pack(site, values, int4Bytes(count), packInt4);
        const wanted = values.map((value, i) => {
          const block = i >> 6;
          const part = values.subarray(64 * block, 64 * block + 64);
          const scale = Math.fround(part.reduce((most, each) => Math.max(most, Math.abs(each)), 0) / 7);
          expect(packed.bytes.getFloat32(36 * block, true)).toBe(scale);
          const byte = packed.bytes.getUint8(36 * block + 4 + ((i & 63) >> 1));
          const integer = ((i & 1 ? byte >> 4 : byte & 15) << 28) >> 28;
          expect(Math.abs(integer)).toBeLessThanOrEqual(7);
          // Half a scale, and the rounding of 7/max and of the product: two ulps of at most 7 scales.
          expect(Math.abs(value - scale * integer)).toBeLessThanOrEqual(scale * (0.5 + 7 * 2 ** -22));
          return scale * integer + 0;
        });
        const decoded = unpack(site, packed, count, unpackInt4);
        expect(decoded).toEqual(wanted);
        expect(packed.error).toEqual(difference(values, decoded));
        site.clear();
      }),
      { numRuns: 30 },
    );
  });

  it("a sign stands for the mean magnitude of its 1,024", () => {
    fc.assert(
      fc.property(anyVector, (values) => {
        const count = values.length;
        const packed = pack(site, values, signBytes(count), packSigns);
        const decoded = unpack(site, packed, count, unpackSigns);
        const wanted = values.map((value, i) => {
          const block = i >> 10;
          const scale = packed.bytes.getFloat32(132 * block, true);
          const negative = (packed.bytes.getUint16(132 * block + 4 + 2 * ((i & 1023) >> 4), true) >> (i & 15)) & 1;
          expect(negative).toBe(value < 0 || Object.is(value, -0) ? 1 : 0);
          return negative ? -scale : scale;
        });
        for (let block = 0; block << 10 < count; block++) {
          const part = values.subarray(block << 10, (block + 1) << 10);
          const mean = part.reduce((sum, value) => sum + Math.abs(value), 0) / part.length;
          // 128 float32 additions a lane.
          expect(Math.abs(packed.bytes.getFloat32(132 * block, true) - mean)).toBeLessThanOrEqual(
            mean * 128 * 2 ** -24,
          );
        }
        expect(decoded).toEqual(wanted);
        expect(packed.error).toEqual(difference(values, decoded));
        site.clear();
      }),
      { numRuns: 30 },
    );
  });

  it("a threshold takes what reaches it, from either side", () => {
    fc.assert(
      fc.property(anyVector, fc.constantFrom(2 ** -10, 0.5, 1024), (values, threshold) => {
        const count = values.length;
        values.set([threshold, -threshold, -0].slice(0, count));
        const packed = pack(site, values, thresholdBytes(count), (x, out, n) =>
          kernels.packThreshold(x, out, n, threshold),
        );
        const decoded = unpack(site, packed, count, (x, out, n) => kernels.unpackThreshold(x, out, n, threshold));
        const wanted = values.map((value) => (Math.abs(value) >= threshold ? Math.sign(value) * threshold : 0));
        expect(decoded.map((value) => value + 0)).toEqual(wanted);
        expect(packed.error).toEqual(
          difference(
            values,
            decoded.map((value) => value + 0),
          ),
        );
        site.clear();
      }),
      { numRuns: 30 },
    );
  });

  it("may be cut between blocks without changing a byte (K1)", () => {
    const values = Float32Array.from({ length: 3000 }, (_, i) => Math.sin(i * i));
    for (const [run, bytesOf] of [
      [packInt4, int4Bytes],
      [packSigns, signBytes],
    ] as const) {
      const whole = pack(site, values, bytesOf(3000), run);
      const left = pack(site, values.subarray(0, 2048), bytesOf(2048), run);
      const right = pack(site, values.subarray(2048), bytesOf(952), run);
      const bytes = ({ at, bytes: { byteLength } }: Packed): number[] => [
        ...new Uint8Array(site.memory.memory.buffer, at, byteLength),
      ];
      expect([...bytes(left), ...bytes(right)]).toEqual(bytes(whole));
    }
    site.clear();
  });

  it("int4 gives zeros for a block without a magnitude worth a scale, and keeps it", () => {
    const packed = pack(site, [0, 2 ** -121, -(2 ** -140)], int4Bytes(3), packInt4);
    expect(unpack(site, packed, 3, unpackInt4)).toEqual(new Float32Array(3));
    expect(packed.error).toEqual(Float32Array.of(0, 2 ** -121, -(2 ** -140)));
    site.clear();
  });
});
