import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEnds, type EncodingEnds } from "../../../../test/support/encoding-ends.ts";
import type { EncodingSpec } from "./encoding-spec.ts";
import type { EncodingLayout } from "./encoding.ts";

const lossy: readonly EncodingSpec[] = [
  { name: "bfloat16" },
  { name: "float16" },
  { name: "int8" },
  { name: "int4" },
  { name: "one_bit" },
  { name: "two_bit", threshold: 0.25 },
  { name: "top_k", share: 0.1 },
  { name: "random_k", share: 0.1, seed: 5 },
  { name: "power_sgd", rank: 2 },
];

interface Scene {
  readonly layout: EncodingLayout;
  readonly pushes: readonly Float32Array[];
}

/** Vectors with a matrix in their middle and plain elements at their end, of magnitudes that differ a thousandfold. */
const anyScene: fc.Arbitrary<Scene> = fc
  .record({
    rows: fc.integer({ min: 2, max: 20 }),
    columns: fc.integer({ min: 2, max: 40 }),
    before: fc.integer({ min: 0, max: 300 }),
    after: fc.integer({ min: 0, max: 1100 }),
    plain: fc.integer({ min: 0, max: 9 }),
    pushes: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat(),
  })
  .map(({ rows, columns, before, after, plain, pushes, seed }) => {
    const matrix = rows * columns;
    const size = before + matrix + after + plain;
    const layout = {
      size,
      matrices: [{ offset: before, rows, columns }],
      plain: [{ begin: size - plain, end: size }],
    };
    const push = (number: number): Float32Array =>
      Float32Array.from({ length: size }, (_, i) => Math.sin((i + 1) * (seed + number + 1)) * 10 ** ((i % 7) / 2 - 2));
    return { layout, pushes: Array.from({ length: pushes }, (_, number) => push(number)) };
  });

/** Σ over all elements that the encoder keeps errors of; plain ones are exact and have none. */
function sumsOf(parts: readonly (readonly number[] | Float32Array)[], size: number): Float64Array {
  const sums = new Float64Array(size);
  for (const part of parts) for (let i = 0; i < size; i++) sums[i] = (sums[i] ?? 0) + (part[i] ?? 0);
  return sums;
}

/** The unsent error by element of the vector: it has the order of the encoded ones, which stand before the plain ones. */
function residualOf(ends: EncodingEnds, layout: EncodingLayout): Float64Array {
  const residual = ends.residual();
  expect(residual).toHaveLength(layout.plain?.[0]?.begin ?? layout.size);
  const places = new Float64Array(layout.size);
  places.set(residual);
  return places;
}

function greatestOf(vectors: readonly ArrayLike<number>[]): number {
  return vectors.reduce(
    (most, part) => Array.from(part).reduce((one, value) => Math.max(one, Math.abs(value)), most),
    0,
  );
}

/** One number, because an assertion for each element takes longer than all of the encoding. */
function greatestGap(one: ArrayLike<number>, other: ArrayLike<number>): number {
  expect(one.length).toBe(other.length);
  let most = 0;
  for (let i = 0; i < one.length; i++) {
    const gap = Math.abs((one[i] ?? NaN) - (other[i] ?? NaN));
    if (Number.isNaN(gap)) return NaN;
    most = Math.max(most, gap);
  }
  return most;
}

/** Each push rounds p = g + e and e = p − decoded once an element; products of PowerSGD round once a row as well. */
function expectNothingLost(scene: Scene, sent: readonly number[][], rest: Float64Array): void {
  const { layout, pushes } = scene;
  const [said, meant] = [sumsOf(sent, layout.size), sumsOf(pushes, layout.size)];
  const tolerance = greatestOf([...sent, ...pushes, rest]) * pushes.length * 2 ** -20;
  expect(
    greatestGap(
      said.map((sum, i) => sum + (rest[i] ?? 0)),
      meant,
    ),
  ).toBeLessThanOrEqual(tolerance);
}

describe.each(lossy)("error feedback of $name", (spec) => {
  it("loses nothing: Σ sent + e = Σ g", () => {
    fc.assert(
      fc.property(anyScene, (scene) => {
        const ends = createEnds(spec, scene.layout);
        const sent = scene.pushes.map((push, draw) => ends.send(push, draw));
        expectNothingLost(scene, sent, residualOf(ends, scene.layout));
        ends.dispose();
      }),
      { numRuns: 40 },
    );
  });

  it("loses nothing when pushes that were never applied are given back", () => {
    fc.assert(
      fc.property(anyScene, fc.integer({ min: 0, max: 63 }), (scene, refused) => {
        const ends = createEnds(spec, scene.layout);
        const { size, plain } = scene.layout;
        const plainBegin = plain?.[0]?.begin ?? size;
        const sent = scene.pushes.map((push, draw) => {
          const decoded = ends.send(push, draw);
          if (((refused >> draw) & 1) === 0) return decoded;
          ends.giveBack();
          return decoded.map(() => 0);
        });
        const rest = residualOf(ends, scene.layout);
        // What is sent plain has no error to go back to, so it counts where the push counts.
        const isKept = (i: number): boolean => i < plainBegin;
        const pushes = scene.pushes.map((push, draw) =>
          push.map((value, i) => (isKept(i) ? value : ((sent[draw] ?? [])[i] ?? 0))),
        );
        expectNothingLost({ ...scene, pushes }, sent, rest);
        ends.dispose();
      }),
      { numRuns: 40 },
    );
  });

  it("gives back only what earlier pushes left over when the vector itself is superseded", () => {
    fc.assert(
      fc.property(anyScene, (scene) => {
        const ends = createEnds(spec, scene.layout);
        scene.pushes.forEach((push, draw) => ends.encode(push, draw));
        const before = residualOf(ends, scene.layout);
        const [push = new Float32Array()] = scene.pushes;
        ends.encode(push, 7);
        ends.giveBack(true);
        const tolerance = greatestOf([push, before]) * 2 ** -19;
        expect(greatestGap(residualOf(ends, scene.layout), before)).toBeLessThanOrEqual(tolerance);
        ends.dispose();
      }),
      { numRuns: 20 },
    );
  });

  it("says its error: the norm of what it keeps, and of what it meant to send", () => {
    fc.assert(
      fc.property(anyScene, (scene) => {
        const ends = createEnds(spec, scene.layout);
        const [push = new Float32Array()] = scene.pushes;
        const decoded = ends.send(push, 1);
        const squared = (values: ArrayLike<number>): number =>
          Array.from(values).reduce((sum, value) => sum + value * value, 0);
        const norm = squared(push);
        // Sums of float32 squares in blocks of 1,024: 2^-23 · 64 of them at worst.
        expect(Math.abs((ends.said?.squaredNorm ?? NaN) - norm)).toBeLessThanOrEqual(norm * 1e-5);
        const error = squared(decoded.map((value, i) => value - (push[i] ?? 0)));
        expect(Math.abs((ends.said?.squaredError ?? NaN) - error)).toBeLessThanOrEqual(norm * 1e-5);
        // A contraction, which is what feedback converges by (Karimireddy et al. 2019); two_bit may overshoot nothing
        // either: what it subtracts is never above twice the element.
        expect(error).toBeLessThanOrEqual(norm * (1 + 1e-5));
        ends.dispose();
      }),
      { numRuns: 40 },
    );
  });

  it("continues from its snapshot with the same bytes", () => {
    fc.assert(
      fc.property(anyScene, (scene) => {
        const [one, other] = [createEnds(spec, scene.layout), createEnds(spec, scene.layout)];
        scene.pushes.forEach((push, draw) => one.encode(push, draw));
        other.encoder.restore(structuredClone(one.encoder.snapshot()));
        const [push = new Float32Array()] = scene.pushes;
        expect(other.send(push, 9)).toEqual(one.send(push, 9));
        expect(other.encoder.snapshot()).toEqual(one.encoder.snapshot());
        one.dispose();
        other.dispose();
      }),
      { numRuns: 20 },
    );
  });

  it("adds what it decodes, with a weight, as decoding and one multiplication and addition would", () => {
    fc.assert(
      fc.property(anyScene, (scene) => {
        const ends = createEnds(spec, scene.layout);
        const [push = new Float32Array()] = scene.pushes;
        const decoded = ends.send(push, 2);
        const into = push.map((value) => -2 * value);
        const wanted = decoded.map((value, i) => Math.fround((into[i] ?? 0) + Math.fround(0.75 * value)));
        const tolerance = spec.name === "power_sgd" ? greatestOf([into]) * 2 ** -20 : 0;
        expect(greatestGap(ends.accumulate(into, 0.75), wanted)).toBeLessThanOrEqual(tolerance);
        ends.dispose();
      }),
      { numRuns: 20 },
    );
  });

  it("lets descent reach the minimum of a quadratic", () => {
    const [rows, columns] = [10, 12];
    // Gradients above the threshold of two_bit, one push after the other, would pile up: its rule says no more at once.
    const reach = spec.name === "two_bit" ? 0.04 : 1;
    const target = Float32Array.from({ length: 120 }, (_, i) => reach * Math.sin(i) * (1 + (i % 5)));
    const ends = createEnds(spec, { size: 120, matrices: [{ offset: 0, rows, columns }] });
    let values: readonly number[] = [...new Float32Array(120)];
    for (let step = 0; step < 1500; step++) {
      const sent = ends.send(
        values.map((value, i) => value - (target[i] ?? 0)),
        step,
      );
      values = values.map((value, i) => value - 0.02 * (sent[i] ?? 0));
    }
    // The distance at the beginning is 5 (two_bit: 0.2, and a step moves an element by 0.02 · 0.25).
    expect(greatestGap(values, target)).toBeLessThan(0.01);
  });

  it("refuses a vector with NaN, an infinity or a value without a square, and forgets nothing", () => {
    const ends = createEnds(spec, { size: 120, matrices: [{ offset: 0, rows: 10, columns: 12 }] });
    ends.encode(Float32Array.from({ length: 120 }, (_, i) => Math.cos(i)));
    const before = ends.encoder.snapshot();
    for (const bad of [NaN, -Infinity, 1e30]) {
      const vector = new Float32Array(120);
      vector[77] = bad;
      expect(() => ends.encode(vector)).toThrowError(expect.objectContaining({ code: "not_finite" }));
    }
    expect(ends.encoder.snapshot()).toEqual(before);
  });

  it("keeps no error when told so: each vector is written for itself", () => {
    const ends = createEnds({ ...spec, errorFeedback: false } as EncodingSpec, 200);
    const push = Float32Array.from({ length: 200 }, (_, i) => Math.sin(i));
    const first = ends.send(push, 4);
    expect(ends.send(push, 4)).toEqual(first);
    ends.giveBack();
    expect(ends.encoder.snapshot().residual).toBeNull();
    expect(ends.encoder.residualSquaredNorm()).toBe(0);
  });
});

describe("float32", () => {
  it("is the vector itself, bit for bit", () => {
    const ends = createEnds({ name: "float32" }, 5);
    const vector = Float32Array.of(1e-42, -0, 3.5, -1e18, 0.1);
    expect(ends.send(vector)).toEqual([...vector]);
    expect(ends.said).toEqual({ bytes: 20, squaredError: 0, squaredNorm: expect.closeTo(1e36, -32) as number });
  });
});
