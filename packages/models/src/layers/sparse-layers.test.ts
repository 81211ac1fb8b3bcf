import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runLayer, type LayerInput } from "../../../../test/support/layer-run.ts";
import { kernelBuilds, kernelFixture } from "../../../../test/support/model-kernels.ts";
import { buildGraph } from "../graph/build-graph.ts";
import type { LayerSpec } from "../spec/model-spec.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";

const features = 7;
const active = 5;
const entry = fc.record({ feature: fc.nat({ max: features - 1 }), value: fc.float({ min: -2, max: 2, noNaN: true }) });
const row = fc.uniqueArray(entry, { maxLength: active, selector: ({ feature }) => feature });
const rowsOf = fc.array(row, { minLength: 1, maxLength: 4 });
type Rows = readonly (readonly { readonly feature: number; readonly value: number }[])[];

function inputOf(rows: Rows): LayerInput {
  const sorted = rows.map((entries) => entries.toSorted((left, right) => left.feature - right.feature));
  const data = [0];
  for (const entries of sorted) data.push((data.at(-1) ?? 0) + entries.length);
  const indices = sorted.flat().map(({ feature }) => feature);
  return {
    shape: { kind: "sparse", features, active },
    data,
    indices,
    values: sorted.flat().map(({ value }) => value),
  };
}

/** The definitions in float64. `parameters` are those of the layer, side by side. */
function outputOf(layer: LayerSpec, entries: Rows[number], parameters: readonly number[]): number[] {
  if (layer.type === "sparse_dense") {
    return Array.from({ length: layer.outputs }, (_, output) => {
      const bias = layer.bias === false ? 0 : (parameters[features * layer.outputs + output] ?? 0);
      return entries.reduce(
        (sum, { feature, value }) => sum + value * (parameters[feature * layer.outputs + output] ?? 0),
        bias,
      );
    });
  }
  if (layer.type !== "factor_pairs") throw new Error(`no definition of ${layer.type}`);
  let sum = 0;
  for (const [at, left] of entries.entries()) {
    for (const right of entries.slice(at + 1)) {
      for (let f = 0; f < layer.factors; f += 1) {
        const product =
          (parameters[left.feature * layer.factors + f] ?? 0) * (parameters[right.feature * layer.factors + f] ?? 0);
        sum += product * left.value * right.value;
      }
    }
  }
  return [sum];
}

const layers: fc.Arbitrary<LayerSpec> = fc.oneof(
  fc.record({
    type: fc.constant("sparse_dense" as const),
    outputs: fc.integer({ min: 1, max: 6 }),
    bias: fc.boolean(),
  }),
  fc.record({ type: fc.constant("factor_pairs" as const), factors: fc.integer({ min: 1, max: 6 }) }),
);

/** Sums of up to 30 products below 8, rounded to 2⁻²⁴ of at most 100 each time; differences of float64 add 1e-6. */
const tolerance = 1e-4;

describe.each(kernelBuilds)("layers for sparse rows on the %s kernels", async (build) => {
  const fixture = await kernelFixture(build);

  it("compute their definition and its gradient, against differences in float64", () => {
    fc.assert(
      fc.property(layers, rowsOf, (layer, rows) => {
        const names = layer.type === "sparse_dense" ? ["weight", "bias"] : ["factors"];
        const width = layer.type === "sparse_dense" ? layer.outputs : layer.type === "factor_pairs" ? layer.factors : 0;
        const sizes = [features * width, ...(layer.type === "sparse_dense" && layer.bias ? [width] : [])];
        const all = Array.from({ length: sizes.reduce((sum, size) => sum + size, 0) }, (_, i) => Math.cos(i * 1.7));
        const parameters = Object.fromEntries(
          sizes.map((size, at) => [names[at] ?? "", all.slice(at * features * width, at * features * width + size)]),
        );
        const outputs = layer.type === "sparse_dense" ? width : 1;
        const upstream = Array.from({ length: rows.length * outputs }, (_, i) => Math.sin(i + 1));
        const outcome = runLayer(fixture, { layer, rows: rows.length, inputs: [inputOf(rows)], parameters, upstream });
        const expected = rows.flatMap((entries) => outputOf(layer, entries, all));
        outcome.output.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThan(tolerance));
        const loss = (values: readonly number[]): number =>
          rows
            .flatMap((entries) => outputOf(layer, entries, values))
            .reduce((sum, value, i) => sum + value * (upstream[i] ?? 0), 0);
        const gradient = sizes.flatMap((_, at) => [...(outcome.parameterGradients[names[at] ?? ""] ?? [])]);
        const step = 1e-4;
        all.forEach((value, i) => {
          const difference = (loss(all.with(i, value + step)) - loss(all.with(i, value - step))) / (2 * step);
          expect(Math.abs((gradient[i] ?? NaN) - difference)).toBeLessThan(tolerance);
        });
      }),
      { numRuns: 60 },
    );
  });

  it("leave the gradient alone when they are frozen", () => {
    const layer: LayerSpec = { type: "sparse_dense", outputs: 2 };
    const rows: Rows = [[{ feature: 1, value: 1 }]];
    const { parameterGradients } = runLayer(fixture, { layer, rows: 1, inputs: [inputOf(rows)], trains: false });
    expect(Object.values(parameterGradients).every((values) => values.every(Number.isNaN))).toBe(true);
  });
});

describe("models of sparse rows", () => {
  const inputs = { features: 123, active: 14 };
  const loss = { type: "binary_cross_entropy" } as const;

  it("have the parameters of their parts", () => {
    const names = (layer: LayerSpec): string[] =>
      buildGraph({ inputs, layers: [layer], loss }).layout.segments.map(
        ({ name, shape }) => `${name} ${shape.join("×")}`,
      );
    expect(names({ type: "factorization_machine", factors: 8 })).toEqual([
      "0.linear.weight 123×1",
      "0.linear.bias 1",
      "0.pairs.factors 123×8",
    ]);
    expect(names({ type: "wide_and_deep", width: 8, hidden: [16, 4] })).toEqual([
      "0.wide.weight 123×1",
      "0.wide.bias 1",
      "0.embedding.weight 123×8",
      "0.embedding.bias 8",
      "0.deep.0.weight 16×8",
      "0.deep.0.bias 16",
      "0.deep.1.weight 4×16",
      "0.deep.1.bias 4",
      "0.deep.weight 1×4",
      "0.deep.bias 1",
    ]);
  });

  it("say what they expect", () => {
    const build = (given: object): unknown => buildGraph(parseModelSpec({ inputs, loss, ...given }));
    expect(() => build({ inputs: 123, layers: [{ type: "sparse_dense", outputs: 1 }] })).toThrow(
      "layer 0 (sparse_dense): expects sparse rows, gets 123",
    );
    expect(() => build({ layers: [{ type: "dense", outputs: 1 }] })).toThrow(
      "layer 0 (dense): expects numbers, gets sparse rows",
    );
    expect(() => build({ layers: [{ type: "wide_and_deep", width: 4, hidden: [0] }] })).toThrow(
      "model.layers[0].hidden[0]: expected a positive integer",
    );
  });
});
