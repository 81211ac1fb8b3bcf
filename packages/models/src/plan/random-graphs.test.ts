import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kernelBuilds, kernelFixture } from "../../../../test/support/model-kernels.ts";
import { floatsOf, noDraw, numbersOf } from "../../../../test/support/plan-places.ts";
import { createReferenceGraph } from "../../../../test/support/reference-graph.ts";
import { createCounterRandom } from "../random/counter-random.ts";
import type { LayerSpec, ModelSpec } from "../spec/model-spec.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { compile } from "./compile.ts";

/** One more layer on a graph of values of one width; `at` chooses among what there is. */
interface Choice {
  readonly kind: "dense" | "activation" | "add" | "residual";
  readonly at: number;
  readonly other: number;
  readonly activation: "relu" | "tanh" | "sigmoid" | "gelu" | "silu";
  readonly bias: boolean;
  readonly frozen: boolean;
}

const choice: fc.Arbitrary<Choice> = fc.record({
  kind: fc.constantFrom("dense" as const, "activation" as const, "add" as const, "residual" as const),
  at: fc.nat(),
  other: fc.nat(),
  // Without relu: its kink would spoil finite differences where a value comes close to zero.
  activation: fc.constantFrom("tanh" as const, "sigmoid" as const, "gelu" as const, "silu" as const),
  bias: fc.boolean(),
  frozen: fc.nat({ max: 4 }).map((drawn) => drawn === 0),
});

interface Drawn {
  readonly width: number;
  readonly twoInputs: boolean;
  readonly choices: readonly Choice[];
  readonly sideLoss: boolean;
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  width: fc.integer({ min: 1, max: 7 }),
  twoInputs: fc.boolean(),
  choices: fc.array(choice, { minLength: 1, maxLength: 9 }),
  sideLoss: fc.boolean(),
});

function layerOf(drawnChoice: Choice, names: readonly string[], index: number, width: number): LayerSpec {
  const { kind, activation, bias, frozen } = drawnChoice;
  const name = `l${index}`;
  const from = names[drawnChoice.at % names.length] ?? "a";
  const dense = { type: "dense", outputs: width, bias } as const;
  switch (kind) {
    case "dense":
      return { ...dense, name, from, frozen, ...(index % 2 === 0 ? { activation } : {}) };
    case "activation":
      return { type: "activation", function: activation, name, from };
    case "add":
      return { type: "add", name, from: [from, names[drawnChoice.other % names.length] ?? "a"] };
    case "residual":
      return {
        type: "residual",
        name,
        from,
        frozen,
        layers: [dense, { type: "activation", function: activation }, { ...dense, activation }],
      };
  }
}

/** What is not read by anything is added up, so that every layer leads to the loss. */
function modelOf({ width, twoInputs, choices, sideLoss }: Drawn): ModelSpec {
  const inputs = twoInputs ? { a: { shape: [width] }, b: { shape: [width] } } : { a: { shape: [width] } };
  const names = Object.keys(inputs);
  const layers: LayerSpec[] = [];
  const unread = new Set(names);
  for (const [index, each] of choices.entries()) {
    const layer = layerOf(each, names, index, width);
    for (const name of typeof layer.from === "string" ? [layer.from] : (layer.from ?? [])) unread.delete(name);
    layers.push(layer);
    names.push(`l${index}`);
    unread.add(`l${index}`);
  }
  if (unread.size > 1) layers.push({ type: "add", from: [...unread] });
  layers.push({ type: "dense", outputs: 3, name: "end" });
  const side = sideLoss ? { l0: { type: "mean_squared_error", weight: 0.3 } as const } : {};
  return parseModelSpec({ inputs, layers, loss: { end: { type: "huber" }, ...side } });
}

describe.each(kernelBuilds)("a plan of any graph on the %s kernels", async (build) => {
  const { kernels, memory } = await kernelFixture(build);

  it("computes the gradient of the sum of its losses", () => {
    fc.assert(
      fc.property(drawn.map(modelOf), fc.integer({ min: 1, max: 5 }), fc.nat(), (spec, rows, seed) => {
        const plan = compile(spec, { batchSize: rows + 1, kernels, memory });
        const { size, segments } = plan.layout;
        const [parameters, gradient] = [memory.allocate(size * 4), memory.allocate(size * 4)];
        const random = createCounterRandom(seed, "digits", 0);
        const draw = (length: number): number[] => Array.from({ length }, () => Math.fround(2 * random.uniform() - 1));
        const values = draw(size);
        memory.floats(parameters.byteOffset, size).set(values);
        const found = memory.floats(gradient.byteOffset, size).fill(Number.NaN);
        const inputs = Object.keys(plan.inputs).map((name) => {
          const data = draw(floatsOf(plan, name).length);
          floatsOf(plan, name).set(data);
          return [name, data] as const;
        });
        const targets = Object.keys(plan.targets).map((name) => {
          const data = draw(numbersOf(plan, name).length);
          numbersOf(plan, name).set(data);
          return [name, data] as const;
        });
        const loss = plan.gradient(parameters.byteOffset, gradient.byteOffset, rows, noDraw);
        const reference = createReferenceGraph(spec, rows, Object.fromEntries(inputs), Object.fromEntries(targets));
        const expected = reference(values);
        // Single precision over a dozen layers of at most 7 terms each.
        expect(Math.abs(loss - expected)).toBeLessThan(2e-5 * Math.max(1, expected));
        const step = 1e-5;
        for (const { name, offset, length, frozen } of segments) {
          for (let key = offset; key < offset + length; key += 1) {
            const at = (moved: number): number => reference(values.with(key, moved));
            const value = values[key] ?? 0;
            const slope = frozen ? 0 : (at(value + step) - at(value - step)) / (2 * step);
            const error = Math.abs((found[key] ?? Number.NaN) - slope);
            expect(error, `${name}[${key - offset}]`).toBeLessThan(1e-4 * Math.max(1, Math.abs(slope)));
          }
        }
        memory.free(parameters);
        memory.free(gradient);
        plan.dispose();
      }),
      { numRuns: 40 },
    );
  });
});
