import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";

/** Floats that lie beside `x`, by their bits. */
function neighbours(x: number): number[] {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, x);
  const bits = view.getUint32(0);
  return [bits - 1, bits, bits + 1].map((each) => {
    view.setUint32(0, each >>> 0);
    return view.getFloat32(0);
  });
}

/** Every float of which the upper 16 bits are given, with a few lower halves. */
function* bfloatNeighbourhoods(): Generator<number> {
  const view = new DataView(new ArrayBuffer(4));
  for (let upper = 0; upper < 0x10000; upper += 7) {
    for (const lower of [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff]) {
      view.setUint32(0, upper * 0x10000 + lower);
      yield view.getFloat32(0);
    }
  }
}

/** The nearest bfloat16 by distance in float64, the even one of two; its upper half's bits. */
function nearestBfloat(x: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, x);
  const low = view.getUint16(0);
  const valueOf = (bits: number): number => {
    if ((bits & 0x7fff) === 0x7f80) return (bits & 0x8000) === 0 ? 2 ** 128 : -(2 ** 128);
    view.setUint32(0, bits * 0x10000);
    return view.getFloat32(0);
  };
  if (!Number.isFinite(x)) return low;
  const [toLow, toHigh] = [Math.abs(x - valueOf(low)), Math.abs(x - valueOf(low + 1))];
  if (toLow === toHigh) return low % 2 === 0 ? low : low + 1;
  return toLow < toHigh ? low : low + 1;
}

describe.each(["baseline", "relaxed"] as const)("half-width floats of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;
  const words = (offset: number, count: number): Uint16Array =>
    new Uint16Array(site.memory.memory.buffer, offset, count);

  it("decode every binary16 to the float it is, and encode it back to its bits", () => {
    const encoded = site.blank(0x8000);
    words(encoded.at, 0x10000).forEach((_, i, all) => (all[i] = i));
    const decoded = site.blank(0x10000);
    kernels.decodeFloat16(encoded.at, decoded.at, 0x10000);
    const reference = new Float16Array(Uint16Array.from({ length: 0x10000 }, (_, i) => i).buffer);
    decoded.view.forEach((value, i) => {
      if (!Object.is(value, reference[i])) expect.unreachable(`half ${i}: ${value}, not ${reference[i]}`);
    });
    const again = site.blank(0x8000);
    kernels.encodeFloat16(decoded.at, again.at, 0x10000);
    words(again.at, 0x10000).forEach((bits, i) => {
      const wanted = Number.isNaN(reference[i]) ? (i & 0x8000) | 0x7e00 : i;
      if (bits !== wanted) expect.unreachable(`half ${i} came back as ${bits}`);
    });
    site.clear();
  });

  it("round a float to the nearest binary16, ties to even, also to subnormals and to infinity", () => {
    const halves = new Float16Array(Uint16Array.from({ length: 0x7c01 }, (_, i) => i).buffer);
    const floats: number[] = [];
    for (let i = 0; i < 0x7c00; i++) {
      const next = i === 0x7bff ? 65_536 : (halves[i + 1] ?? 0);
      floats.push(...neighbours(((halves[i] ?? 0) + next) / 2));
    }
    floats.push(1e-45, 2 ** -25, 2 ** -26, 65_519.99, 65_520, 1e6, 3.4e38, Infinity, NaN);
    const signed = [...floats, ...floats.map((value) => -value)];
    const x = site.vector(signed);
    const out = site.blank(Math.ceil(signed.length / 2));
    kernels.encodeFloat16(x.at, out.at, signed.length);
    const reference = new Uint16Array(new Float16Array(x.view).buffer);
    words(out.at, signed.length).forEach((bits, i) => {
      const value = x.view[i];
      const same = Number.isNaN(value) ? (bits & 0x7fff) === 0x7e00 : bits === reference[i];
      if (!same) expect.unreachable(`${value}: ${bits}, not ${reference[i]}`);
    });
    site.clear();
  });

  it("round a float to the nearest bfloat16, ties to even, and keep NaN", () => {
    const x = site.vector([...bfloatNeighbourhoods()]);
    const out = site.blank(Math.ceil(x.view.length / 2));
    kernels.encodeBfloat16(x.at, out.at, x.view.length);
    words(out.at, x.view.length).forEach((bits, i) => {
      const value = x.view[i] ?? 0;
      const same = Number.isNaN(value) ? (bits & 0x7fff) > 0x7f80 : bits === nearestBfloat(value);
      if (!same) expect.unreachable(`${value}: ${bits}, not ${nearestBfloat(value)}`);
    });
    const back = site.blank(x.view.length);
    kernels.decodeBfloat16(out.at, back.at, x.view.length);
    const again = site.blank(Math.ceil(x.view.length / 2));
    kernels.encodeBfloat16(back.at, again.at, x.view.length);
    expect(words(again.at, x.view.length)).toEqual(words(out.at, x.view.length));
    site.clear();
  });

  it("treat each element alike wherever it stands, and write nothing beyond the last (K1)", () => {
    const values = Array.from({ length: 37 }, (_, i) => Math.sin(i) * 10 ** ((i % 11) - 5));
    const x = site.vector(values);
    for (const encode of [kernels.encodeBfloat16, kernels.encodeFloat16]) {
      const whole = site.blank(19);
      encode(x.at, whole.at, 37);
      const bits = words(whole.at, 37).slice();
      const decode = encode === kernels.encodeBfloat16 ? kernels.decodeBfloat16 : kernels.decodeFloat16;
      const decoded = site.blank(37);
      decode(whole.at, decoded.at, 37);
      for (let cut = 0; cut <= 37; cut++) {
        const split = site.blank(19);
        encode(x.at, split.at, cut);
        encode(x.at + 4 * cut, split.at + 2 * cut, 37 - cut);
        expect(words(split.at, 37)).toEqual(bits);
        const apart = site.blank(37);
        decode(split.at, apart.at, cut);
        decode(split.at + 2 * cut, apart.at + 4 * cut, 37 - cut);
        expect(apart.view).toEqual(decoded.view);
      }
    }
    site.clear();
  });
});
