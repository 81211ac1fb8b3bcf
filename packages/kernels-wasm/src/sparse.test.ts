import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";

const features = 9;
const entry = fc.record({ feature: fc.nat({ max: features - 1 }), value: fc.float({ min: -2, max: 2, noNaN: true }) });
const row = fc.uniqueArray(entry, { maxLength: 6, selector: ({ feature }) => feature });
const rows = fc.array(row, { maxLength: 5 });
type Rows = readonly (readonly { readonly feature: number; readonly value: number }[])[];

/** A sum of up to 12 terms below 8 in magnitude: 12 roundings of 2⁻²⁴ relative to at most 50. */
const tolerance = 5e-5;

describe.each(["baseline", "relaxed"] as const)("kernels for sparse rows in the %s build", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;

  const place = (all: Rows): readonly [offsets: number, indices: number, values: number] => {
    const starts = [0, ...all.map((_, at) => all.slice(0, at + 1).flat().length)];
    const entries = all.flat();
    return [
      site.integers(starts),
      site.integers([...entries.map(({ feature }) => feature), 0]),
      site.vector(entries.map(({ value }) => value)).at,
    ];
  };
  const table = (columns: number, shift: number): { at: number; view: Float32Array } =>
    site.vector(
      Float32Array.from({ length: features * columns }, (_, i) => Math.sin(i + 1)),
      shift,
    );
  const expectClose = (found: Float32Array, expected: (i: number) => number): void => {
    found.forEach((value, i) => expect(Math.abs(value - expected(i))).toBeLessThan(tolerance));
  };

  it("multiply with a table and scatter a gradient as plain loops do", () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 9 }), fc.boolean(), (all, columns, hasBias) => {
        const [offsets, indices, values] = place(all);
        const [weight, bias] = [table(columns, columns % 4), site.vector(new Float32Array(columns).fill(0.25))];
        const y = site.blank(all.length * columns, 1);
        kernels.sparseProduct(offsets, indices, values, weight.at, hasBias ? bias.at : 0, y.at, all.length, columns);
        expectClose(y.view, (i) => {
          const [at, column] = [Math.floor(i / columns), i % columns];
          const terms = (all[at] ?? []).map(
            ({ feature, value }) => value * (weight.view[feature * columns + column] ?? 0),
          );
          return terms.reduce((sum, term) => sum + term, hasBias ? 0.25 : 0);
        });
        const gradient = site.vector(new Float32Array(features * columns).fill(1));
        kernels.sparseScatter(offsets, indices, values, y.at, gradient.at, all.length, columns);
        expectClose(gradient.view, (i) => {
          const [wanted, column] = [Math.floor(i / columns), i % columns];
          let sum = 1;
          for (const [at, entries] of all.entries()) {
            for (const { feature, value } of entries) {
              if (feature === wanted) sum += value * (y.view[at * columns + column] ?? 0);
            }
          }
          return sum;
        });
        site.clear();
      }),
    );
  });

  it("give the pairs of a factorisation machine and their gradient, against all pairs one by one", () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 7 }), (all, count) => {
        const [offsets, indices, values] = place(all);
        const factors = table(count, 0);
        const factor = (feature: number, f: number): number => factors.view[feature * count + f] ?? 0;
        const sums = site.blank(all.length * count);
        const y = site.blank(all.length);
        kernels.sparseProduct(offsets, indices, values, factors.at, 0, sums.at, all.length, count);
        kernels.factorPairs(offsets, indices, values, factors.at, sums.at, y.at, all.length, count);
        expectClose(y.view, (at) => {
          const entries = all[at] ?? [];
          let total = 0;
          for (const [i, left] of entries.entries()) {
            for (const right of entries.slice(i + 1)) {
              for (let f = 0; f < count; f += 1) {
                total += left.value * right.value * factor(left.feature, f) * factor(right.feature, f);
              }
            }
          }
          return total;
        });
        const g = site.vector(all.map((_, at) => at - 1.5));
        const gradient = site.vector(new Float32Array(features * count));
        kernels.factorPairsGradient(
          offsets,
          indices,
          values,
          factors.at,
          sums.at,
          g.at,
          gradient.at,
          all.length,
          count,
        );
        expectClose(gradient.view, (index) => {
          const [wanted, f] = [Math.floor(index / count), index % count];
          let sum = 0;
          for (const [at, entries] of all.entries()) {
            const own = entries.find(({ feature }) => feature === wanted);
            const others = entries.filter(({ feature }) => feature !== wanted);
            for (const { feature, value } of others) sum += (at - 1.5) * (own?.value ?? 0) * value * factor(feature, f);
          }
          return sum;
        });
        site.clear();
      }),
    );
  });
});
