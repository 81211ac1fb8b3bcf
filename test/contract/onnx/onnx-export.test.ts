import { createRandom } from "@shoal/actors";
import { compile, encodeOnnx, layoutOf, type ModelSpec, type Plan, type PlanInput } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { inputShapesOf } from "../../../packages/models/src/spec/model-faces.ts";
import { elementsOf, type ValueShape } from "../../../packages/models/src/spec/value-shape.ts";
import { kernelFixture } from "../../support/model-kernels.ts";
import { loadOnnxRuntime, runOnnx, type OnnxRuntime, type OnnxTensor } from "../../support/onnx-runtime.ts";
import { layerCases, modelCases, type Pick } from "./exported-models.ts";

const runtime = await loadOnnxRuntime();
const { kernels, memory } = await kernelFixture();

/** Both sum in float32 and in other orders: 1e-5 of what an output is made of, which is of the order of one. */
const tolerance = 1e-5;
const drawsOfEach = 4;

describe.skipIf(runtime === undefined)("an exported model computes the same in ONNX Runtime as here", () => {
  it.each(layerCases)("with $name", async ({ model }) => {
    for (let seed = 1; seed <= drawsOfEach; seed += 1) await compare(model, seed);
  });

  it.each(modelCases)("$name", ({ model }) => compare(model, 1));
});

type Draw = () => number;

async function compare(modelOf: (pick: Pick) => ModelSpec, seed: number): Promise<void> {
  const random = createRandom(seed);
  const draw: Draw = () => random.uniform();
  const pick: Pick = (least, most) => least + Math.floor(draw() * (most - least + 1));
  const model = modelOf(pick);
  const region = memory.allocate(layoutOf(model).size * 4);
  const parameters = drawParameters(model, region.byteOffset, draw);
  const rows = pick(1, 5);
  const plan = compile(model, { kernels, memory, batchSize: 6 });
  try {
    const given = inputShapesOf(model).map(([name, shape]) => {
      const input = plan.inputs[name];
      if (input === undefined) throw new Error(`no input ${name}`);
      return [name, fill(onnx(), input, shape, rows, draw)] as const;
    });
    plan.forward(region.byteOffset, rows);
    checkOutputs(plan, await runOnnx(onnx(), encodeOnnx(model, parameters.slice()), Object.fromEntries(given)), rows);
  } finally {
    plan.dispose();
    memory.free(region);
  }
}

function onnx(): OnnxRuntime {
  if (runtime === undefined) throw new Error("skipped without it");
  return runtime;
}

/** Weights that keep values of the order of one; variances are positive. */
function drawParameters(model: ModelSpec, at: number, draw: Draw): Float32Array {
  const { size, segments } = layoutOf(model);
  const parameters = memory.floats(at, size);
  for (const { offset, length, shape, name } of segments) {
    const spread = shape.length > 1 ? 1 / Math.sqrt(length / (shape[0] ?? 1)) : 1;
    const least = name.endsWith("running_var") ? 1.5 : 0;
    for (let key = offset; key < offset + length; key += 1) parameters[key] = least + (2 * draw() - 1) * spread;
  }
  return parameters;
}

/** Fills the plan's input with random values. @returns the same as a tensor */
function fill({ Tensor }: OnnxRuntime, input: PlanInput, shape: ValueShape, rows: number, draw: Draw): OnnxTensor {
  if (input.kind === "sparse" || shape.kind === "sparse") return fillSparse(Tensor, input, rows, draw);
  const count = rows * elementsOf(shape.shape);
  if (input.kind === "tokens") {
    for (let at = 0; at < count; at += 1) input.tokens[at] = Math.floor(draw() * input.vocabulary);
    return new Tensor("int32", input.tokens.slice(0, count), [rows, ...shape.shape]);
  }
  for (let at = 0; at < count; at += 1) input.floats[at] = 2 * draw() - 1;
  return new Tensor("float32", input.floats.slice(0, count), [rows, ...shape.shape]);
}

function fillSparse(Tensor: OnnxRuntime["Tensor"], input: PlanInput, rows: number, draw: Draw): OnnxTensor {
  if (input.kind !== "sparse") throw new Error("not a sparse input");
  const dense = new Float32Array(rows * input.features);
  let entries = 0;
  for (let row = 0; row < rows; row += 1) {
    input.rowOffsets[row] = entries;
    for (let feature = 0; feature < input.features; feature += 1) {
      if (draw() < 0.5 || entries - (input.rowOffsets[row] ?? 0) >= input.active) continue;
      input.indices[entries] = feature;
      input.values[entries] = dense[row * input.features + feature] = Math.fround(2 * draw() - 1);
      entries += 1;
    }
  }
  input.rowOffsets[rows] = entries;
  return new Tensor("float32", dense, [rows, input.features]);
}

function checkOutputs(plan: Plan, found: Readonly<Record<string, OnnxTensor>>, rows: number): void {
  for (const [name, { offset, shape }] of Object.entries(plan.outputs)) {
    const tensor = found[name];
    if (tensor === undefined) throw new Error(`no output ${name}`);
    expect(tensor.dims).toEqual([rows, ...shape]);
    const own = memory.floats(offset, tensor.data.length);
    for (const [at, value] of own.entries()) {
      const bound = tolerance * Math.max(1, Math.abs(value));
      expect(Math.abs(value - (tensor.data[at] ?? Number.NaN)), `${name}[${at}] = ${value}`).toBeLessThanOrEqual(bound);
    }
  }
}
