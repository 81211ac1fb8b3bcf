import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite, type KernelSite } from "../../../test/support/kernel-site.ts";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";
import { createKernelMemory } from "./create-kernel-memory.ts";
import type { AttentionShape } from "./families/attention.ts";
import { instantiateKernels, kernelScratchBytes } from "./instantiate-kernels.ts";
import { loadKernelModules } from "./kernel-modules.ts";

/** Rows of q, k and v as a GPT has them: one after the other in a fused row, with `gap` floats behind it. */
interface Problem {
  readonly shape: AttentionShape;
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly dOut: Float64Array;
}

interface Answer {
  readonly out: Float64Array;
  readonly dq: Float64Array;
  readonly dk: Float64Array;
  readonly dv: Float64Array;
}

/** Attention and its gradients by their definition, in float64; all arrays [batch, positions, heads, headWidth]. */
function reference({ shape, q, k, v, dOut }: Problem): Answer {
  const { batch, heads, positions, headWidth, causal, scale } = shape;
  const [out, dq, dk, dv] = [q, q, q, q].map(({ length }) => new Float64Array(length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const row = (b: number, h: number, t: number): number => ((b * positions + t) * heads + h) * headWidth;
  const dot = (x: Float64Array, i: number, y: Float64Array, j: number): number => {
    let sum = 0;
    for (let d = 0; d < headWidth; d++) sum += (x[i + d] ?? NaN) * (y[j + d] ?? NaN);
    return sum;
  };
  const add = (x: Float64Array, i: number, factor: number, y: Float64Array, j: number): void => {
    for (let d = 0; d < headWidth; d++) x[i + d] = (x[i + d] ?? NaN) + factor * (y[j + d] ?? NaN);
  };
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < positions; t++) {
        const at = row(b, h, t);
        const keys = Array.from({ length: causal ? t + 1 : positions }, (_, s) => row(b, h, s));
        const scores = keys.map((key) => scale * dot(q, at, k, key));
        const greatest = Math.max(...scores);
        const total = scores.reduce((sum, score) => sum + Math.exp(score - greatest), 0);
        const weights = scores.map((score) => Math.exp(score - greatest) / total);
        keys.forEach((key, i) => add(out, at, weights[i] ?? NaN, v, key));
        const delta = dot(dOut, at, out, at);
        keys.forEach((key, i) => {
          const weight = weights[i] ?? NaN;
          const slope = weight * (dot(dOut, at, v, key) - delta) * scale;
          add(dv, key, weight, dOut, at);
          add(dq, at, slope, k, key);
          add(dk, key, slope, q, at);
        });
      }
    }
  }
  return { out, dq, dk, dv };
}

/** Runs the kernels on fused rows of q, k and v. @returns the greatest difference to float64 */
function worstError(site: KernelSite, problem: Problem, shift: number): number {
  const { kernels } = site;
  const { batch, heads, positions, headWidth, rowStride, outStride } = problem.shape;
  const width = heads * headWidth;
  const rows = batch * positions;
  const fused = new Float32Array(rows * rowStride);
  const outer = new Float32Array(rows * outStride);
  for (let i = 0; i < rows; i++) {
    fused.set(problem.q.subarray(i * width, (i + 1) * width), i * rowStride);
    fused.set(problem.k.subarray(i * width, (i + 1) * width), i * rowStride + width);
    fused.set(problem.v.subarray(i * width, (i + 1) * width), i * rowStride + 2 * width);
    outer.set(problem.dOut.subarray(i * width, (i + 1) * width), i * outStride);
  }
  const [qkv, dOut] = [site.vector(fused, shift), site.vector(outer, shift)];
  const [out, dQkv] = [site.blank(outer.length, shift), site.blank(fused.length, shift)];
  const sums = site.blank(batch * heads * positions, shift);
  const [k, v, dk, dv] = [qkv.at + width * 4, qkv.at + width * 8, dQkv.at + width * 4, dQkv.at + width * 8];
  const { shape } = problem;
  kernels.attention(qkv.at, k, v, out.at, sums.at, shape);
  kernels.attentionGradient(qkv.at, k, v, out.at, sums.at, dOut.at, dQkv.at, dk, dv, shape);
  const wanted = reference(problem);
  let worst = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < width; j++) {
      const found = [
        [out.view[i * outStride + j], wanted.out],
        [dQkv.view[i * rowStride + j], wanted.dq],
        [dQkv.view[i * rowStride + width + j], wanted.dk],
        [dQkv.view[i * rowStride + 2 * width + j], wanted.dv],
      ] as const;
      for (const [value, values] of found) {
        const expected = values[i * width + j] ?? NaN;
        const error = Math.abs((value ?? NaN) - expected) / (1 + Math.abs(expected));
        worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
      }
    }
    for (let j = 3 * width; j < rowStride; j++) expect(dQkv.view[i * rowStride + j]).toBeNaN();
    for (let j = width; j < outStride; j++) expect(out.view[i * outStride + j]).toBeNaN();
  }
  return worst;
}

interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly positions: number;
  readonly headWidth: number;
  readonly gap: number;
  readonly causal: boolean;
  readonly seed: number;
}

function problemOf({ batch, heads, positions, headWidth, gap, causal, seed }: Sizes): Problem {
  const width = heads * headWidth;
  let state = seed;
  const draw = (): Float64Array =>
    Float64Array.from({ length: batch * positions * width }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.fround((state / 2 ** 32 - 0.5) * 4);
    });
  const scale = 1 / Math.sqrt(headWidth);
  const shape = {
    batch,
    heads,
    positions,
    headWidth,
    rowStride: 3 * width + gap,
    outStride: width + gap,
    causal,
    scale,
  };
  return { shape, q: draw(), k: draw(), v: draw(), dOut: draw() };
}

interface AttentionCase {
  readonly name: string;
  readonly inputs: readonly [VectorTensor, VectorTensor, VectorTensor];
  readonly output: VectorTensor;
  readonly upstream: VectorTensor;
  readonly inputGradients: readonly [VectorTensor, VectorTensor, VectorTensor];
}

const golden = loadVectors<{ readonly cases: readonly AttentionCase[] }>("layers").cases.find(
  ({ name }) => name === "causal-attention",
);
if (golden === undefined) throw new Error("layers.json has no case causal-attention");

const anySizes = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  heads: fc.integer({ min: 1, max: 3 }),
  positions: fc.integer({ min: 1, max: 41 }),
  headWidth: fc.integer({ min: 1, max: 19 }),
  gap: fc.integer({ min: 0, max: 3 }),
  causal: fc.boolean(),
  seed: fc.nat(),
});

describe.each(["baseline", "relaxed"] as const)("attention of the %s kernels", (build) => {
  const site = createKernelSite(build);

  it("equals PyTorch's within 1e-5, and so do its gradients", () => {
    const [q, k, v] = golden.inputs.map(({ data }) => site.vector(data));
    const [batch = 1, heads = 1, positions = 1, headWidth = 1] = golden.output.shape;
    const size = golden.output.data.length;
    const [out, dq, dk, dv] = [site.blank(size), site.blank(size), site.blank(size), site.blank(size)];
    const sums = site.blank(batch * heads * positions);
    const dOut = site.vector(golden.upstream.data);
    const shape: AttentionShape = {
      ...{ batch: batch * heads, heads: 1, positions, headWidth, rowStride: headWidth, outStride: headWidth },
      ...{ causal: true, scale: 1 / Math.sqrt(headWidth) },
    };
    if (q === undefined || k === undefined || v === undefined) throw new Error("causal-attention has three inputs");
    site.kernels.attention(q.at, k.at, v.at, out.at, sums.at, shape);
    site.kernels.attentionGradient(q.at, k.at, v.at, out.at, sums.at, dOut.at, dq.at, dk.at, dv.at, shape);
    const found = [out, dq, dk, dv];
    [golden.output, ...golden.inputGradients].forEach(({ data }, which) => {
      data.forEach((wanted, i) => {
        // Absolute besides: sums of values of either sign, each rounded to half a last place of 1.
        const error = Math.abs((found[which]?.view[i] ?? NaN) - wanted);
        expect(error).toBeLessThanOrEqual(1e-5 * Math.abs(wanted) + 1e-6);
      });
    });
    site.clear();
  });

  it("equals float64 within 1e-5 for any shape and strides", () => {
    fc.assert(
      fc.property(anySizes, (sizes) => {
        expect(worstError(site, problemOf(sizes), sizes.gap)).toBeLessThan(1e-5);
        site.clear();
      }),
    );
  });

  it.each([
    { positions: 300, headWidth: 8, causal: true },
    { positions: 271, headWidth: 5, causal: false },
    { positions: 1100, headWidth: 2, causal: true },
    { positions: 70, headWidth: 1030, causal: true },
    { positions: 130, headWidth: 520, causal: false },
  ])("merges blocks of $positions positions of width $headWidth (causal: $causal)", (sizes) => {
    const problem = problemOf({ batch: 1, heads: 1, gap: 0, seed: 5, ...sizes });
    // Sums of up to 1,100 products.
    expect(worstError(site, problem, 0)).toBeLessThan(1e-4);
    site.clear();
  });

  it("is stable for scores of ±200", () => {
    const problem = problemOf({ batch: 1, heads: 1, positions: 20, headWidth: 4, gap: 0, causal: true, seed: 9 });
    const { shape } = problem;
    const large = { ...problem, shape: { ...shape, scale: 20 }, q: problem.q.map((value) => Math.fround(value * 2)) };
    // A rounding of a score of 200 is 1.5e-5 of its exponential, and slopes are multiplied by the scale.
    expect(worstError(site, large, 0)).toBeLessThan(1e-3);
    site.clear();
  });

  it("keeps its blocks within the scratch, up to the widest heads", async () => {
    const modules = await loadKernelModules();
    const memory = createKernelMemory({ maximumBytes: 2 ** 26 });
    const [scratch, behind] = [memory.allocate(kernelScratchBytes), memory.allocate(2 ** 20)];
    const guard = memory.floats(behind.byteOffset, behind.byteLength / 4).fill(777);
    const kernels = instantiateKernels(modules, { memory: memory.memory, scratch }, { build });
    for (const [positions, headWidth] of [
      [20, 4096],
      [150, 1024],
      [300, 128],
      [1100, 64],
    ] as const) {
      const row = memory.allocate(positions * headWidth * 4).byteOffset;
      const sums = memory.allocate(positions * 4).byteOffset;
      const widths = { headWidth, rowStride: headWidth, outStride: headWidth };
      const shape = { batch: 1, heads: 1, positions, ...widths, causal: false, scale: 1 };
      // One vector for all: what is computed does not matter.
      kernels.attention(row, row, row, row, sums, shape);
      kernels.attentionGradient(row, row, row, row, sums, row, row, row, row, shape);
    }
    expect(guard.every((value) => value === 777)).toBe(true);
  });
});
