import { describe, expect, it } from "vitest";
import { kernelBuilds, kernelFixture } from "../../../../test/support/model-kernels.ts";
import { loadVectors, type VectorTensor } from "../../../../test/support/vectors.ts";
import type { LossSpec } from "../spec/model-spec.ts";
import { lossFunction } from "./losses.ts";

interface LossCase {
  readonly name: string;
  readonly options: { readonly labelSmoothing?: number; readonly delta?: number; readonly temperature?: number };
  readonly input: VectorTensor;
  readonly target: VectorTensor;
  readonly loss: number;
  readonly inputGradient: VectorTensor;
}

const specs: Readonly<Record<string, (options: LossCase["options"]) => LossSpec>> = {
  "softmax-cross-entropy": () => ({ type: "softmax_cross_entropy" }),
  "softmax-cross-entropy-label-smoothing": ({ labelSmoothing }) => ({
    type: "softmax_cross_entropy",
    smoothing: labelSmoothing,
  }),
  "softmax-cross-entropy-extreme": () => ({ type: "softmax_cross_entropy" }),
  "binary-cross-entropy-with-logits": () => ({ type: "binary_cross_entropy" }),
  "mean-squared-error": () => ({ type: "mean_squared_error" }),
  huber: ({ delta }) => ({ type: "huber", delta }),
  "distillation-kl": ({ temperature }) => ({ type: "distillation", temperature }),
};

const { cases } = loadVectors<{ readonly cases: readonly LossCase[] }>("losses");

describe.each(kernelBuilds)("losses on the %s kernels", async (build) => {
  const { kernels, memory } = await kernelFixture(build);

  it.each(Object.keys(specs))("%s equals PyTorch to 1e-5 relative", (name) => {
    const found = cases.find((each) => each.name === name);
    const spec = specs[name]?.(found?.options ?? {});
    if (found === undefined || spec === undefined) throw new Error(`no case ${name}`);
    const { input, target, inputGradient } = found;
    const [rows = 1, columns = 1] = input.shape;
    const bytes = input.data.length * 4;
    const [outputs, answers, gradient] = [memory.allocate(bytes), memory.allocate(bytes), memory.allocate(bytes)];
    memory.floats(outputs.byteOffset, input.data.length).set(input.data);
    if (spec.type === "softmax_cross_entropy") {
      new Int32Array(memory.memory.buffer, answers.byteOffset, rows).set(target.data);
    } else {
      memory.floats(answers.byteOffset, target.data.length).set(target.data);
    }
    const loss = lossFunction(kernels, spec, columns)(
      outputs.byteOffset,
      answers.byteOffset,
      gradient.byteOffset,
      rows,
    );
    expect(Math.abs(loss - found.loss)).toBeLessThanOrEqual(1e-5 * Math.abs(found.loss));
    const gradients = memory.floats(gradient.byteOffset, input.data.length);
    for (const [index, expected] of inputGradient.data.entries()) {
      // Entries near zero are differences of numbers near one: those round at 6e-8, divided by the rows.
      const tolerance = 1e-5 * Math.abs(expected) + 3e-8;
      expect(Math.abs((gradients[index] ?? Number.NaN) - expected)).toBeLessThanOrEqual(tolerance);
    }
  });
});
