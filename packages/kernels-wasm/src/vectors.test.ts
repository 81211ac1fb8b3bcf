import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite, type KernelSite } from "../../../test/support/kernel-site.ts";
import type { Kernels, Offset } from "./kernels.ts";

const baseline = createKernelSite("baseline");
const relaxed = createKernelSite("relaxed");

/** Every element-wise kernel on five vectors, the first of which holds the values. */
type ElementWise = (kernels: Kernels, v: readonly Offset[], count: number) => void;
const at = (v: readonly Offset[], i: number): Offset => v[i] ?? 0;

const elementWise: Readonly<Record<string, ElementWise>> = {
  fill: (k, v, n) => k.fill(at(v, 0), n, 0.3),
  copy: (k, v, n) => k.copy(at(v, 1), at(v, 0), n),
  scale: (k, v, n) => k.scale(at(v, 0), n, 1.7),
  axpy: (k, v, n) => k.axpy(at(v, 1), at(v, 0), n, -0.37),
  scaleInto: (k, v, n) => k.scaleInto(at(v, 1), at(v, 0), n, 0.77),
  clamp: (k, v, n) => k.clamp(at(v, 0), n, 100),
  ftrl: (k, v, n) => k.ftrl(at(v, 0), at(v, 1), at(v, 2), at(v, 3), n, 0.1, 1, 0.5, 0.1),
  sgd: (k, v, n) => k.sgd(at(v, 0), at(v, 1), n, 0.1, 0.01),
  firstMomentum: (k, v, n) => k.sgdMomentum(at(v, 0), at(v, 1), at(v, 2), n, 0.1, 0.9, 0.2, 0.01, false, true),
  nesterov: (k, v, n) => k.sgdMomentum(at(v, 0), at(v, 1), at(v, 2), n, 0.1, 0.9, 0, 0.01, true, false),
  adam: (k, v, n) => k.adam(at(v, 0), at(v, 1), at(v, 2), at(v, 3), 0, n, 3, 0.1, 0.9, 0.999, 1e-8, 0.1, false),
  amsgrad: (k, v, n) => k.adam(at(v, 0), at(v, 1), at(v, 2), at(v, 3), at(v, 4), n, 7, 0.1, 0.9, 0.99, 1e-8, 0.1, true),
  adagrad: (k, v, n) => k.adagrad(at(v, 0), at(v, 1), at(v, 3), n, 0.1, 1e-10, 0.1),
  fedadagrad: (k, v, n) => k.serverStep(at(v, 0), at(v, 1), at(v, 2), at(v, 3), n, "adagrad", 0.1, 0.9, 0.99, 1e-3),
  fedadam: (k, v, n) => k.serverStep(at(v, 0), at(v, 1), at(v, 2), at(v, 3), n, "adam", 0.1, 0.9, 0.99, 1e-3),
  fedyogi: (k, v, n) => k.serverStep(at(v, 0), at(v, 1), at(v, 2), at(v, 3), n, "yogi", 0.1, 0.9, 0.99, 1e-3),
  rmsprop: (k, v, n) => k.rmsprop(at(v, 0), at(v, 1), at(v, 3), 0, 0, n, 0.1, 0.9, 1e-8, 0, 0.1),
  centered: (k, v, n) => k.rmsprop(at(v, 0), at(v, 1), at(v, 3), at(v, 2), at(v, 4), n, 0.1, 0.9, 1e-8, 0.5, 0.1),
  adadelta: (k, v, n) => k.adadelta(at(v, 0), at(v, 1), at(v, 3), at(v, 4), n, 1, 0.9, 1e-6, 0.1),
};

const anyFloat = fc.float({ min: -1e3, max: 1e3, noNaN: true });
/** Five vectors of one length: values, gradient, a signed slot and two that are never negative. */
const anyVectors = fc.integer({ min: 1, max: 37 }).chain((size) => {
  const vector = fc.array(anyFloat, { minLength: size, maxLength: size });
  const positive = vector.map((values) => values.map(Math.abs));
  return fc.tuple(vector, vector, vector, positive, positive);
});

function place(site: KernelSite, vectors: readonly (readonly number[])[]) {
  const placed = vectors.map((values) => site.vector(values));
  return { offsets: placed.map((vector) => vector.at), views: placed.map((vector) => vector.view) };
}

describe.each(Object.entries(elementWise))("the element-wise kernel %s", (_name, kernel) => {
  it("gives the same bits in both builds and when split at any key (K1)", () => {
    fc.assert(
      fc.property(anyVectors, fc.nat(), (vectors, cut) => {
        const size = vectors[0].length;
        const key = cut % (size + 1);
        const [whole, split, other] = [place(baseline, vectors), place(baseline, vectors), place(relaxed, vectors)];
        kernel(baseline.kernels, whole.offsets, size);
        kernel(baseline.kernels, split.offsets, key);
        const rest = split.offsets.map((offset) => offset + 4 * key);
        kernel(baseline.kernels, rest, size - key);
        kernel(relaxed.kernels, other.offsets, size);
        expect(split.views).toEqual(whole.views);
        expect(other.views).toEqual(whole.views);
        baseline.clear();
        relaxed.clear();
      }),
    );
  });
});

describe.each([baseline, relaxed])("the vector kernels ($kernels.build)", (site) => {
  const { kernels } = site;

  it("round after the product and after the sum, as float32 arithmetic in TypeScript does", () => {
    fc.assert(
      fc.property(anyVectors, anyFloat, ([x, y], factor) => {
        const [a, b, c] = [site.vector(x), site.vector(y), site.blank(x.length)];
        kernels.axpy(a.at, b.at, x.length, factor);
        kernels.scaleInto(a.at, c.at, x.length, factor);
        x.forEach((value, i) => {
          expect(b.view[i]).toBe(Math.fround((y[i] ?? NaN) + Math.fround(factor * value)));
          expect(c.view[i]).toBe(Math.fround(factor * value));
        });
        site.clear();
      }),
    );
  });

  it("turn bytes into floats", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 41 }), (bytes) => {
        const words = site.integers(new Int32Array(bytes.length));
        new Uint8Array(site.memory.memory.buffer, words, bytes.length).set(bytes);
        const out = site.blank(bytes.length);
        kernels.bytesToFloats(words, out.at, bytes.length, 1 / 255, 33.5);
        const factor = Math.fround(1 / 255);
        expect([...out.view]).toEqual([...bytes].map((byte) => Math.fround(factor * (byte - 33.5))));
        site.clear();
      }),
    );
  });

  it("let Adam's moments fall to zero before they become denormal", () => {
    const [w, g, m, v] = [site.vector([1, 1, 1, 1, 1]), site.vector([0, 0, 0, 0, 0]), site.blank(5), site.blank(5)];
    m.view.set([8e-31, -8e-31, 1e-40, 1e-3, 8.9e-31]);
    v.view.set([1.176e-38, 1e-40, 1, 1e-3, 1e-30]);
    kernels.adam(w.at, g.at, m.at, v.at, 0, 5, 10, 0.1, 0.9, 0.999, 1e-8, 0, false);
    expect([...m.view.subarray(0, 3)]).toEqual([0, 0, 0]);
    expect([...v.view.subarray(0, 2)]).toEqual([0, 0]);
    expect(m.view[3]).toBeCloseTo(9e-4, 9);
    expect(m.view[4]).toBeGreaterThan(2 ** -100);
    site.clear();
  });
});

describe.each([baseline, relaxed])("the sum of vectors", (site) => {
  it("adds any number of vectors in their order, also into the first of them", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 11 }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.nat(),
        (vectors, size, seed) => {
          const content = Array.from({ length: vectors }, (_, v) =>
            Float32Array.from({ length: size }, (_value, i) => Math.sin(seed + i * 7 + v * 13) * 10 ** (v % 4)),
          );
          const placed = content.map((values) => site.vector(values));
          const list = site.integers([...placed.map((vector) => vector.at), 0]);
          const wanted = Float32Array.from({ length: size }, (_, i) =>
            content.reduce((sum, values) => Math.fround(sum + (values[i] ?? NaN)), 0),
          );
          const out = site.blank(size);
          site.kernels.sumVectors(list, vectors, out.at, size);
          expect(out.view).toEqual(wanted);
          const [first] = placed;
          if (first !== undefined) {
            site.kernels.sumVectors(list, vectors, first.at, size);
            expect(first.view).toEqual(wanted);
          }
          site.clear();
        },
      ),
      { numRuns: 40 },
    );
  });

  it("keeps values within a limit and NaN as it is", () => {
    const x = site.vector([1, -3, NaN, Infinity, -Infinity, 0.5, -0.5]);
    site.kernels.clamp(x.at, 7, 2);
    expect([...x.view]).toEqual([1, -2, NaN, 2, -2, 0.5, -0.5]);
    site.clear();
  });
});
