import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";

interface EmbeddingCase {
  readonly name: string;
  readonly inputs: readonly [VectorTensor];
  readonly params: { readonly weight: VectorTensor };
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly paramGradients: { readonly weight: VectorTensor };
}

interface SoftmaxCase extends Omit<EmbeddingCase, "params" | "paramGradients"> {
  readonly inputGradients: readonly [VectorTensor];
}

const { cases } = loadVectors<{ readonly cases: readonly (EmbeddingCase & SoftmaxCase)[] }>("layers");

function caseOf(name: string): EmbeddingCase & SoftmaxCase {
  const found = cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`layers.json has no case ${name}`);
  return found;
}

describe.each(["baseline", "relaxed"] as const)("rows by token of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const { kernels } = site;

  it("equal PyTorch's embedding: the rows exactly, the gradient within 1e-5", () => {
    const golden = caseOf("embedding");
    const [vocabulary = 1, width = 1] = golden.params.weight.shape;
    const count = golden.inputs[0].data.length;
    const tokens = site.integers(golden.inputs[0].data);
    const [table, out] = [site.vector(golden.params.weight.data), site.blank(count * width)];
    kernels.gatherRows(tokens, table.at, out.at, count, width);
    expect([...out.view]).toEqual(golden.output.data.map(Math.fround));
    const [upstream, gradient] = [site.vector(golden.upstream.data), site.vector(new Float32Array(vocabulary * width))];
    kernels.scatterAddRows(tokens, upstream.at, gradient.at, count, width);
    golden.paramGradients.weight.data.forEach((value, i) => {
      expect(Math.abs((gradient.view[i] ?? NaN) - value)).toBeLessThanOrEqual(1e-5 * Math.abs(value) + 1e-6);
    });
    site.clear();
  });

  it("are added in the order of the tokens, for any width", () => {
    for (const width of [1, 3, 4, 7, 16, 18]) {
      const tokens = [2, 0, 2, 2, 1];
      const rows = site.vector(Float32Array.from({ length: tokens.length * width }, (_, i) => Math.sin(i) * 1e3));
      const table = site.vector(new Float32Array(3 * width));
      const wanted = new Float32Array(3 * width);
      tokens.forEach((token, i) => {
        for (let j = 0; j < width; j++) {
          wanted[token * width + j] = (wanted[token * width + j] ?? NaN) + (rows.view[i * width + j] ?? NaN);
        }
      });
      kernels.scatterAddRows(site.integers(tokens), rows.at, table.at, tokens.length, width);
      expect(table.view).toEqual(wanted);
      site.clear();
    }
  });
});

describe.each(["baseline", "relaxed"] as const)("softmax along rows of the %s kernels", (build) => {
  const site = createKernelSite(build);

  it("equals PyTorch's within 1e-5, and so does its gradient", () => {
    const golden = caseOf("softmax");
    const [rows = 1, columns = 1] = golden.output.shape;
    const [y, dy] = [site.vector(golden.inputs[0].data), site.vector(golden.upstream.data)];
    site.kernels.softmax(y.at, y.at, rows, columns);
    site.kernels.softmaxGradient(y.at, dy.at, dy.at, rows, columns);
    for (const [found, wanted] of [
      [y.view, golden.output.data],
      [dy.view, golden.inputGradients[0].data],
    ] as const) {
      wanted.forEach((value, i) => {
        // Absolute besides: the gradient is a difference of two products near 1.
        expect(Math.abs((found[i] ?? NaN) - value)).toBeLessThanOrEqual(1e-5 * Math.abs(value) + 2e-7);
      });
    }
    site.clear();
  });
});
