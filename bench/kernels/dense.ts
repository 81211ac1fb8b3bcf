/** The forward pass of dense layers: product, bias and activation in one call, beside the peers' fused operators. */
import { gelu } from "../peers/formulas.ts";
import type { KernelCase } from "./case.ts";
import { createPeak, peakFlops } from "./peak.ts";
import { peerRivals } from "./peer-rivals.ts";

export const denseCases: readonly KernelCase[] = [
  denseCase(64, 784, 256, "relu"),
  denseCase(1024, 128, 512, "gelu_tanh"),
  denseCase(16, 784, 256, "relu"),
  denseCase(1, 784, 256, "relu"),
];

function denseCase(rows: number, inputs: number, outputs: number, activation: "relu" | "gelu_tanh"): KernelCase {
  return {
    name: `dense ${rows}×${inputs}×${outputs} with bias and ${activation}`,
    async create(stage) {
      const { site } = stage;
      const [x, weight, bias] = [site.floats(rows * inputs), site.floats(inputs * outputs), site.floats(outputs)];
      const y = site.bytes(4 * rows * outputs);
      const shape = [rows, inputs];
      const held = await peerRivals(stage, {
        inputs: [
          { values: x.values, shape },
          { values: weight.values, shape: [inputs, outputs] },
          { values: bias.values, shape: [outputs] },
        ],
        tensorFlow(library, [a, b, shift]) {
          const fused = { a: a!, b: b!, bias: shift! };
          if (activation === "relu") return library.fused.matMul({ ...fused, activation });
          return gelu(library, library.fused.matMul(fused));
        },
        // Without the activation, in its favour.
        onnx: {
          operator: "Gemm",
          input: { name: "x", shape },
          constants: [
            { name: "w", shape: [outputs, inputs], values: weight.values },
            { name: "b", shape: [outputs], values: bias.values },
          ],
          output: { name: "y", shape: [rows, outputs] },
          integers: { transB: 1 },
        },
      });
      return {
        ...{ unit: "GFLOP/s", amount: 2 * rows * inputs * outputs },
        kernel: () => site.kernels.dense(x.at, weight.at, bias.at, y, rows, inputs, outputs, activation),
        rivals: [
          { kind: "limit", name: "multiply-add peak", work: createPeak(site.kernels.build), amount: peakFlops },
          ...held.rivals,
        ],
        release: held.release,
      };
    },
  };
}
