import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runLayer, type LayerCase } from "../../../../test/support/layer-run.ts";
import { kernelBuilds, kernelFixture } from "../../../../test/support/model-kernels.ts";
import { loadVectors, type VectorTensor } from "../../../../test/support/vectors.ts";
import { buildGraph } from "../graph/build-graph.ts";
import { createCounterRandom } from "../random/counter-random.ts";
import type { LayerSpec } from "../spec/model-spec.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { elementsOf, floatsOf } from "../spec/value-shape.ts";

interface GoldenLayer {
  readonly name: string;
  readonly inputs: readonly VectorTensor[];
  readonly params: Readonly<Record<string, VectorTensor>>;
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly inputGradients: readonly VectorTensor[];
  readonly paramGradients: Readonly<Record<string, VectorTensor>>;
}

const golden: readonly (readonly [name: string, layer: LayerSpec])[] = [
  ["conv2d", { type: "convolution", filters: 4, kernel: 3, padding: 1, channels: 3 }],
  ["conv2d-stride2", { type: "convolution", filters: 5, kernel: [5, 5], stride: [2, 2], padding: [2, 2] }],
  ["maxpool2d", { type: "max_pool", kernel: 2 }],
  ["avgpool2d", { type: "average_pool", kernel: [2, 2], stride: 2 }],
  ["batchnorm2d-train", { type: "batch_norm" }],
];

/** Greatest difference, in units of the greatest expected magnitude (at least 1); NaN is not within any bound. */
function difference(actual: ArrayLike<number> | undefined, expected: ArrayLike<number>): number {
  let [worst, magnitude] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    magnitude = Math.max(magnitude, Math.abs(expected[i] ?? Number.NaN));
    worst = Math.max(worst, Math.abs((actual?.[i] ?? Number.NaN) - (expected[i] ?? Number.NaN)));
  }
  return actual?.length === expected.length ? worst / magnitude : Number.NaN;
}

const side = fc.integer({ min: 1, max: 4 });
const axes = fc.oneof(side, fc.tuple(side, side));
const layers: fc.Arbitrary<LayerSpec> = fc.oneof(
  fc.record({
    type: fc.constant("convolution" as const),
    filters: fc.integer({ min: 1, max: 5 }),
    kernel: axes,
    stride: fc.oneof(fc.constant(1), axes),
    padding: fc.integer({ min: 0, max: 2 }),
    bias: fc.boolean(),
    activation: fc.constantFrom("identity" as const, "tanh" as const, "gelu" as const),
  }),
  fc.record({ type: fc.constantFrom("max_pool" as const, "average_pool" as const), kernel: axes }),
  fc.record({ type: fc.constantFrom("average_pool" as const, "max_pool" as const), kernel: axes, stride: axes }),
  fc.record({ type: fc.constantFrom("global_average_pool" as const, "flatten" as const) }),
  fc.record({ type: fc.constant("batch_norm" as const), epsilon: fc.constant(0.1) }),
);

/** Values that lie at least 0.02 apart, in a random order: no maximum changes within the step of the differences. */
function spacedValues(count: number, random: ReturnType<typeof createCounterRandom>): Float64Array {
  const values = Float64Array.from({ length: count }, (_, i) => (i - count / 2) * 0.02);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [values[i], values[j]] = [values[j] ?? 0, values[i] ?? 0];
  }
  return values;
}

function parametersOf(layer: LayerSpec, shape: readonly number[], draw: () => number): Record<string, Float64Array> {
  const spec = { inputs: { shape }, layers: [layer], loss: { type: "mean_squared_error" } } as const;
  const flat = layer.type === "convolution" || layer.type === "batch_norm" ? buildGraph(spec).layout.segments : [];
  return Object.fromEntries(
    flat.map(({ name, length }) => [name.slice(2), Float64Array.from({ length }, () => 0.3 * draw())]),
  );
}

describe.each(kernelBuilds)("layers of images on the %s kernels", async (build) => {
  const fixture = await kernelFixture(build);

  // 1e-5 relative: no sum is longer than 75 values.
  it.each(golden)("compute the reference vectors: %s", (name, layer) => {
    const cases = loadVectors<{ readonly cases: readonly GoldenLayer[] }>("layers").cases;
    const found = cases.find((each) => each.name === name);
    if (found === undefined) throw new Error(`layers.json has no case ${name}`);
    const [input] = found.inputs;
    const [rows = 0, ...shape] = input?.shape ?? [];
    const parameters = Object.fromEntries(Object.entries(found.params).map(([key, { data }]) => [key, data]));
    const outcome = runLayer(fixture, {
      layer,
      rows,
      inputs: [{ shape: floatsOf(...shape), data: input?.data ?? [] }],
      parameters,
      upstream: found.upstream.data,
    });
    expect(outcome.shape).toEqual(floatsOf(...found.output.shape.slice(1)));
    expect(difference(outcome.output, found.output.data)).toBeLessThan(1e-5);
    expect(difference(outcome.inputGradients[0], found.inputGradients[0]?.data ?? [])).toBeLessThan(1e-5);
    for (const [key, { data }] of Object.entries(found.paramGradients)) {
      expect(difference(outcome.parameterGradients[key], data), key).toBeLessThan(1e-5);
    }
  });

  it("have the gradients that finite differences show, whatever their sizes", () => {
    const problem = fc.record({
      layer: layers,
      rows: fc.integer({ min: 2, max: 4 }),
      shape: fc.tuple(side, fc.integer({ min: 4, max: 9 }), fc.integer({ min: 4, max: 9 })),
      seed: fc.integer({ min: 1, max: 2 ** 30 }),
    });
    fc.assert(
      fc.property(problem, ({ layer, rows, shape, seed }) => {
        const random = createCounterRandom(seed, "digits", 0);
        const draw = (): number => 2 * random.uniform() - 1;
        const count = rows * elementsOf(shape);
        // Only maxima need values that lie apart: so wide a range would bend tanh and gelu within one step.
        const values =
          layer.type === "max_pool" ? spacedValues(count, random) : Float64Array.from({ length: count }, draw);
        const parameters = parametersOf(layer, shape, draw);
        const given = (
          x: ArrayLike<number>,
          own: LayerCase["parameters"],
          upstream?: ArrayLike<number>,
        ): LayerCase => ({
          layer,
          rows,
          inputs: [{ shape: floatsOf(...shape), data: x }],
          parameters: own ?? {},
          ...(upstream === undefined ? {} : { upstream }),
        });
        const size = runLayer(fixture, given(values, parameters)).output.length;
        const upstream = Float64Array.from({ length: size }, draw);
        const objective = (x: ArrayLike<number>, own: LayerCase["parameters"]): number =>
          runLayer(fixture, given(x, own)).output.reduce((sum, y, i) => sum + y * (upstream[i] ?? Number.NaN), 0);
        const { inputGradients, parameterGradients } = runLayer(fixture, given(values, parameters, upstream));
        const step = 2 ** -9;
        // Along a random direction of steps below 2^-9: the spaced values keep their order.
        const check = (gradient: Float32Array | undefined, along: (towards: Float64Array) => number): void => {
          const direction = Float64Array.from({ length: gradient?.length ?? 0 }, draw);
          const slope = (along(direction.map((d) => d * step)) - along(direction.map((d) => -d * step))) / (2 * step);
          const expected = direction.reduce((sum, d, i) => sum + d * (gradient?.[i] ?? Number.NaN), 0);
          // Rounding of some hundred outputs (2^-24 of up to 10, over 2^-8), and third derivatives: 4e-4 was seen in 40,000.
          expect(Math.abs(slope - expected)).toBeLessThan(5e-3 * Math.max(4, Math.abs(expected)));
        };
        const moved = (from: ArrayLike<number>, by: Float64Array): Float64Array =>
          by.map((d, i) => (from[i] ?? Number.NaN) + d);
        check(inputGradients[0], (by) => objective(moved(values, by), parameters));
        for (const [name, own] of Object.entries(parameters)) {
          if (name.startsWith("running")) continue;
          check(parameterGradients[name], (by) => objective(values, { ...parameters, [name]: moved(own, by) }));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("normalise by running statistics when a model is used, and hand on what these differ from the batch's", () => {
    const layer: LayerSpec = { type: "batch_norm", epsilon: 1, momentum: 0.25 };
    const parameters = { weight: [2, 1], bias: [0, 5], running_mean: [1, 3], running_var: [3, 8] };
    const inputs = [{ shape: floatsOf(2), data: [1, 3, 3, 9] }];
    const used = runLayer(fixture, { layer, rows: 2, inputs, parameters, training: false });
    expect([...used.output]).toEqual([0, 5, 2, 7]);
    const trained = runLayer(fixture, { layer, rows: 2, inputs, parameters, upstream: [1, 0, 0, 0] });
    // The batch: means 2 and 6, variances 1 and 9; unbiased 2 and 18.
    expect([...(trained.parameterGradients["running_mean"] ?? [])]).toEqual([-1, -3]);
    expect([...(trained.parameterGradients["running_var"] ?? [])]).toEqual([1, -10]);
    const single = runLayer(fixture, { layer, rows: 1, inputs, parameters });
    expect([...(single.parameterGradients["running_var"] ?? [])]).toEqual([0, 0]);
  });

  it("normalise by running statistics in training too when they are frozen", () => {
    const parameters = { weight: [2, 1], bias: [0, 5], running_mean: [1, 3], running_var: [3, 8] };
    const outcome = runLayer(fixture, {
      layer: { type: "batch_norm", epsilon: 1 },
      rows: 2,
      inputs: [{ shape: floatsOf(2), data: [1, 3, 3, 9] }],
      parameters,
      upstream: [1, 3, 0, 6],
      trains: false,
    });
    expect([...outcome.output]).toEqual([0, 5, 2, 7]);
    expect([...(outcome.inputGradients[0] ?? [])]).toEqual([1, 1, 0, 2]);
  });
});

describe("a layer of images", () => {
  const refused = (layer: object, shape: readonly number[] = [1, 4, 4]): string => {
    const model = { inputs: { shape }, layers: [layer, { type: "flatten" }, { type: "dense", outputs: 2 }] };
    try {
      parseModelSpec({ ...model, loss: { type: "softmax_cross_entropy" } });
    } catch (error) {
      return String(error);
    }
    return "";
  };

  it("says what does not suit it, and where", () => {
    const wide = { type: "convolution", filters: 2, kernel: 3, channels: 3 };
    expect(refused(wide)).toContain("layer 0 (convolution): expects 3 channels, gets 1");
    expect(refused({ type: "convolution", filters: 2, kernel: 5 })).toContain("a 5×5 kernel does not fit into 4×4");
    expect(refused({ type: "max_pool", kernel: [2, 5] })).toContain("a 2×5 kernel does not fit into 4×4");
    expect(refused({ type: "average_pool", kernel: 2 }, [16])).toContain(
      "layer 0 (average_pool): expects an image (channels × height × width), gets 16",
    );
    expect(refused({ type: "reshape", shape: [2, 9] })).toContain("cannot put 1×4×4 into 2×9: 16 values for 18 places");
  });

  it("refuses fields that make no sense", () => {
    expect(refused({ type: "convolution", filters: 0, kernel: 3 })).toContain("filters: expected a positive integer");
    expect(refused({ type: "convolution", filters: 2, kernel: 0 })).toContain("kernel: expected a positive integer");
    expect(refused({ type: "convolution", filters: 2, kernel: 1, padding: -1 })).toContain(
      "padding: expected an integer of 0 or more",
    );
    expect(refused({ type: "batch_norm", momentum: 0 })).toContain("momentum: expected a number in (0, 1]");
    expect(refused({ type: "reshape", shape: [] })).toContain("shape: expected a list of 1 to 8 positive integers");
    expect(refused({ type: "max_pool", kernel: 2, padding: 1 })).toContain("padding");
  });

  it("has PyTorch's names, shapes and initial values", () => {
    const spec = parseModelSpec({
      inputs: { shape: [2, 6, 5] },
      layers: [
        { type: "convolution", filters: 3, kernel: [3, 2], stride: 2, padding: [0, 1] },
        { type: "batch_norm", momentum: 0.2 },
        { type: "global_average_pool" },
        { type: "reshape", shape: [3, 1] },
        { type: "flatten" },
      ],
      loss: { type: "mean_squared_error" },
    });
    const graph = buildGraph(spec);
    expect(graph.values.map(({ shape }) => (shape.kind === "sparse" ? [] : shape.shape))).toEqual([
      [2, 6, 5],
      [3, 2, 3],
      [3, 2, 3],
      [3],
      [3, 1],
      [3],
    ]);
    const bound = 1 / Math.sqrt(12);
    expect(graph.layout.segments.map(({ name, shape, role, rate }) => [name, shape, role, rate])).toEqual([
      ["0.weight", [3, 2, 3, 2], "weight", undefined],
      ["0.bias", [3], "bias", undefined],
      ["1.weight", [3], "norm", undefined],
      ["1.bias", [3], "norm", undefined],
      ["1.running_mean", [3], "statistic", 0.2],
      ["1.running_var", [3], "statistic", 0.2],
    ]);
    expect(graph.layout.segments.map(({ initial }) => initial)).toEqual([
      { kind: "uniform", bound },
      { kind: "uniform", bound },
      { kind: "constant", value: 1 },
      { kind: "constant", value: 0 },
      { kind: "constant", value: 0 },
      { kind: "constant", value: 1 },
    ]);
  });
});
