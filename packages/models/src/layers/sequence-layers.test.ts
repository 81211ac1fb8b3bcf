import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runLayer, type LayerCase, type LayerInput, type LayerOutcome } from "../../../../test/support/layer-run.ts";
import { kernelBuilds, kernelFixture, type KernelFixture } from "../../../../test/support/model-kernels.ts";
import { loadVectors, type VectorTensor } from "../../../../test/support/vectors.ts";
import { createCounterRandom } from "../random/counter-random.ts";
import { philox } from "../random/philox.ts";
import type { LayerSpec } from "../spec/model-spec.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { elementsOf, floatsOf } from "../spec/value-shape.ts";
import { definitionOf } from "./layer-table.ts";

interface GoldenLayer {
  readonly name: string;
  readonly inputs: readonly VectorTensor[];
  readonly params: Readonly<Record<string, VectorTensor>>;
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly inputGradients: readonly (VectorTensor | null)[];
  readonly paramGradients: Readonly<Record<string, VectorTensor>>;
}

const { cases } = loadVectors<{ readonly cases: readonly GoldenLayer[] }>("layers");

function goldenOf(name: string): GoldenLayer {
  const found = cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`layers.json has no case ${name}`);
  return found;
}

const activation = (name: "relu" | "leaky_relu" | "gelu" | "gelu_tanh" | "silu" | "tanh" | "sigmoid" | "softplus") =>
  [name.replace("_", "-"), { type: "activation", function: name }] as const;

const golden: readonly (readonly [name: string, layer: LayerSpec])[] = [
  ["layernorm", { type: "layer_norm" }],
  ["rmsnorm", { type: "rms_norm" }],
  ["softmax", { type: "softmax" }],
  activation("relu"),
  activation("leaky_relu"),
  activation("gelu"),
  activation("gelu_tanh"),
  activation("silu"),
  activation("tanh"),
  activation("sigmoid"),
  activation("softplus"),
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

/** [batch, heads, positions, width] of q, k and v to [batch, positions, 3·heads·width], and of one of them back. */
function fuse(parts: readonly VectorTensor[]): number[] {
  const [batch = 0, heads = 0, positions = 0, width = 0] = parts[0]?.shape ?? [];
  const fused: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < positions; t++) {
      for (const { data } of parts) {
        for (let h = 0; h < heads; h++) {
          const at = ((b * heads + h) * positions + t) * width;
          fused.push(...data.slice(at, at + width));
        }
      }
    }
  }
  return fused;
}

const size = fc.integer({ min: 1, max: 9 });
const heads = fc.integer({ min: 1, max: 3 });
interface Problem {
  readonly layer: LayerSpec;
  readonly input: LayerInput["shape"];
}
const problems: fc.Arbitrary<Problem> = fc.oneof(
  fc
    .tuple(fc.constantFrom("layer_norm" as const, "rms_norm" as const), size, fc.integer({ min: 2, max: 20 }))
    .map(([type, positions, width]): Problem => ({ layer: { type, epsilon: 0.1 }, input: floatsOf(positions, width) })),
  fc
    .tuple(fc.constantFrom("softmax" as const, "positional_embedding" as const), size, size)
    .map(([type, positions, width]): Problem => ({ layer: { type }, input: floatsOf(positions, width) })),
  fc.tuple(size, size, size).map(([positions, width, vocabulary]): Problem => ({
    layer: { type: "embedding", width },
    input: { kind: "tokens", shape: [positions], vocabulary },
  })),
  fc
    .tuple(heads, size, fc.integer({ min: 1, max: 14 }), fc.boolean())
    .map(([count, width, positions, causal]): Problem => ({
      layer: { type: "attention", heads: count, causal },
      input: floatsOf(positions, 3 * count * width),
    })),
  fc.tuple(size, fc.constantFrom(0, 0.4)).map(([width, rate]): Problem => {
    return { layer: { type: "dropout", rate }, input: floatsOf(width) };
  }),
);

interface Draws {
  readonly rows: number;
  readonly data: ArrayLike<number>;
  readonly parameters: Readonly<Record<string, Float64Array>>;
  readonly draw: () => number;
}

function drawsOf({ layer, input }: Problem, rows: number, seed: number): Draws {
  const random = createCounterRandom(seed, "digits", 0);
  const draw = (): number => 2 * random.uniform() - 1;
  const definition = definitionOf(layer);
  const declared = definition.kind === "primitive" ? definition.parameters(layer, [input]) : [];
  const shape = input.kind === "sparse" ? [] : input.shape;
  const next = input.kind === "tokens" ? () => random.below(input.vocabulary) : draw;
  return {
    rows,
    data: Float64Array.from({ length: rows * elementsOf(shape) }, next),
    parameters: Object.fromEntries(
      declared.map((each) => [each.name, Float64Array.from({ length: elementsOf(each.shape) }, draw)]),
    ),
    draw,
  };
}

/** Compares the gradients of a layer with differences of Σ upstream·output along random directions. */
function checkGradients(fixture: KernelFixture, problem: Problem, draws: Draws): void {
  const { layer, input } = problem;
  const { rows, data, parameters, draw } = draws;
  const run = (x: ArrayLike<number>, own: LayerCase["parameters"], upstream?: ArrayLike<number>): LayerOutcome =>
    runLayer(fixture, {
      ...{ layer, rows, inputs: [{ shape: input, data: x }], parameters: own ?? {}, index: 3 },
      ...(upstream === undefined ? {} : { upstream }),
    });
  const upstream = Float64Array.from({ length: run(data, parameters).output.length }, draw);
  const objective = (x: ArrayLike<number>, own: LayerCase["parameters"]): number =>
    run(x, own).output.reduce((sum, y, i) => sum + y * (upstream[i] ?? Number.NaN), 0);
  const { inputGradients, parameterGradients } = run(data, parameters, upstream);
  const step = 2 ** -8;
  const check = (gradient: Float32Array, along: (towards: Float64Array) => number): void => {
    const direction = Float64Array.from({ length: gradient.length }, draw);
    const slope = (along(direction.map((d) => d * step)) - along(direction.map((d) => -d * step))) / (2 * step);
    const expected = direction.reduce((sum, d, i) => sum + d * (gradient[i] ?? Number.NaN), 0);
    // Rounding of some hundred outputs (2^-24 each, over 2^-7) and third derivatives.
    expect(Math.abs(slope - expected)).toBeLessThan(3e-3 * Math.max(4, Math.abs(expected)));
  };
  const moved = (from: ArrayLike<number>, by: Float64Array): Float64Array =>
    by.map((d, i) => (from[i] ?? Number.NaN) + d);
  const [first] = inputGradients;
  if (first !== undefined) check(first, (by) => objective(moved(data, by), parameters));
  for (const [name, own] of Object.entries(parameters)) {
    const gradient = parameterGradients[name] ?? new Float32Array(1).fill(Number.NaN);
    check(gradient, (by) => objective(data, { ...parameters, [name]: moved(own, by) }));
  }
}

describe.each(kernelBuilds)("layers of sequences on the %s kernels", async (build) => {
  const fixture = await kernelFixture(build);

  it.each(golden)("compute the reference vectors within 1e-5: %s", (name, layer) => {
    const found = goldenOf(name);
    const [input] = found.inputs;
    const [rows = 0, ...shape] = input?.shape ?? [];
    const outcome = runLayer(fixture, {
      ...{ layer, rows, inputs: [{ shape: floatsOf(...shape), data: input?.data ?? [] }] },
      parameters: Object.fromEntries(Object.entries(found.params).map(([key, { data }]) => [key, data])),
      upstream: found.upstream.data,
    });
    expect(difference(outcome.output, found.output.data)).toBeLessThan(1e-5);
    expect(difference(outcome.inputGradients[0], found.inputGradients[0]?.data ?? [])).toBeLessThan(1e-5);
    for (const [key, { data }] of Object.entries(found.paramGradients)) {
      expect(difference(outcome.parameterGradients[key], data), key).toBeLessThan(1e-5);
    }
  });

  it("compute the reference vectors within 1e-5: embedding", () => {
    const found = goldenOf("embedding");
    const [tokens] = found.inputs;
    const [rows = 0, positions = 0] = tokens?.shape ?? [];
    const [vocabulary = 0, width = 0] = found.params["weight"]?.shape ?? [];
    const outcome = runLayer(fixture, {
      ...{ layer: { type: "embedding", width }, rows, upstream: found.upstream.data },
      inputs: [{ shape: { kind: "tokens", shape: [positions], vocabulary }, data: tokens?.data ?? [] }],
      parameters: { weight: found.params["weight"]?.data ?? [] },
    });
    expect(outcome.shape).toEqual(floatsOf(positions, width));
    expect(difference(outcome.output, found.output.data)).toBeLessThan(1e-7);
    const { weight } = outcome.parameterGradients;
    expect(difference(weight, found.paramGradients["weight"]?.data ?? [])).toBeLessThan(1e-5);
  });

  it("compute the reference vectors within 1e-5: causal-attention, two heads in fused rows", () => {
    const found = goldenOf("causal-attention");
    const [rows = 0, count = 0, positions = 0, width = 0] = found.output.shape;
    const outcome = runLayer(fixture, {
      ...{ layer: { type: "attention", heads: count }, rows, upstream: fuse([found.upstream]) },
      inputs: [{ shape: floatsOf(positions, 3 * count * width), data: fuse(found.inputs) }],
    });
    const gradients = found.inputGradients.filter((gradient) => gradient !== null);
    expect(difference(outcome.output, fuse([found.output]))).toBeLessThan(1e-5);
    expect(difference(outcome.inputGradients[0], fuse(gradients))).toBeLessThan(1e-5);
  });

  it("have the gradients that finite differences show, whatever their sizes", () => {
    const seeds = fc.record({ rows: fc.integer({ min: 1, max: 4 }), seed: fc.integer({ min: 1, max: 2 ** 30 }) });
    fc.assert(
      fc.property(problems, seeds, (problem, { rows, seed }) => {
        checkGradients(fixture, problem, drawsOf(problem, rows, seed));
      }),
      { numRuns: 120 },
    );
  });

  it("write no parameter gradients when frozen", () => {
    for (const layer of [{ type: "layer_norm" }, { type: "rms_norm" }, { type: "positional_embedding" }] as const) {
      const parameters = { weight: [1, 1, 1, 1], bias: [0, 0, 0, 0] };
      const inputs = [{ shape: floatsOf(1, 4), data: [1, 2, 3, 5] }];
      const outcome = runLayer(fixture, {
        ...{ layer, rows: 1, inputs, trains: false, upstream: [1, 0, 0, 0] },
        parameters: layer.type === "layer_norm" ? parameters : { weight: parameters.weight },
      });
      expect(outcome.parameterGradients["weight"]).toEqual(new Float32Array(4).fill(Number.NaN));
      expect(outcome.inputGradients[0]?.every((value) => Number.isFinite(value))).toBe(true);
    }
  });
});

describe.each(kernelBuilds)("dropout on the %s kernels", async (build) => {
  const fixture = await kernelFixture(build);
  const layer = { type: "dropout", rate: 0.25 } as const;
  const width = 21;
  const run = (rows: number, first: number, given: Partial<LayerCase> = {}): LayerOutcome =>
    runLayer(fixture, {
      ...{ layer, rows, inputs: [{ shape: floatsOf(width), data: new Float32Array(rows * width).fill(1) }] },
      ...{ upstream: new Float32Array(rows * width).fill(1), draw: { seed: 11, epoch: 2, first }, index: 5, ...given },
    });

  it("draws the words that Philox has for seed, epoch, sample and layer", () => {
    const { output } = run(2, 40);
    const wanted = Float32Array.from(output, (_, at) => {
      const [row, i] = [Math.floor(at / width), at % width];
      const block = Uint32Array.of(4 * (i >> 4) + (i & 3), 40 + row, 2, 5 + 2 ** 31);
      philox(block, 11, 0);
      return (block[(i >> 2) & 3] ?? 0) < 2 ** 30 ? 0 : Math.fround(1 / 0.75);
    });
    expect(output).toEqual(wanted);
  });

  it("drops the same in both passes and for any cut of the batch, and otherwise for another epoch or layer", () => {
    const whole = run(7, 100);
    expect(whole.inputGradients[0]).toEqual(whole.output);
    const cut = [run(3, 100), run(4, 103)].flatMap(({ output }) => [...output]);
    expect([...whole.output]).toEqual(cut);
    expect(run(7, 100, { draw: { seed: 11, epoch: 3, first: 100 } }).output).not.toEqual(whole.output);
    expect(run(7, 100, { index: 6 }).output).not.toEqual(whole.output);
  });

  it("does nothing when the model is used", () => {
    expect(new Set(run(7, 100, { training: false }).output)).toEqual(new Set([1]));
  });
});

describe("a layer of sequences", () => {
  const refused = (layer: object, inputs: object): string => {
    const model = { inputs, layers: [layer, { type: "dense", outputs: 2 }], loss: { type: "softmax_cross_entropy" } };
    try {
      parseModelSpec(model);
    } catch (error) {
      return String(error);
    }
    return "";
  };

  it("says what does not suit it, and where", () => {
    const image = { shape: [4, 30] };
    const tokens = { tokens: 4, vocabulary: 9 };
    expect(refused({ type: "embedding", width: 3 }, image)).toContain("layer 0 (embedding): expects tokens, gets 4×30");
    expect(refused({ type: "layer_norm" }, tokens)).toContain("expects numbers, gets 4 tokens of 9");
    expect(refused({ type: "attention", heads: 4 }, image)).toContain(
      "layer 0 (attention): expects positions×width with a width that 3·4 divides, gets 4×30",
    );
    expect(refused({ type: "transformer_block", heads: 4 }, image)).toContain(
      "layer 0 (transformer_block): expects positions×width with a width that 4 divides, gets 4×30",
    );
    expect(refused({ type: "positional_embedding" }, { shape: [4] })).toContain("expects positions×width, gets 4");
  });

  it("refuses fields that make no sense", () => {
    const image = { shape: [4, 30] };
    expect(refused({ type: "dropout", rate: 1 }, image)).toContain("rate: expected a number in [0, 1)");
    expect(refused({ type: "layer_norm", epsilon: 0 }, image)).toContain("epsilon: expected a positive number");
    expect(refused({ type: "transformer_block", heads: 0 }, image)).toContain("heads: expected a positive integer");
    expect(refused({ type: "transformer_block", heads: 2, norm: "none" }, image)).toContain(
      "norm: expected layer_norm or rms_norm",
    );
  });
});
