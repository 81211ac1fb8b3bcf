/**
 * Gradients encoded by workers, averaged, encoded again by the server and decoded by the workers, beside the same in
 * plain TypeScript (case O22).
 */
import { describe, expect, it } from "vitest";
import { createEnds } from "../../../../test/support/encoding-ends.ts";
import type { EncodingSpec } from "./encoding-spec.ts";

const size = 1500;
const workers = 3;
const steps = 8;

const gradient = (worker: number, step: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin((i + 1) * (worker + 2) + step * 7.7) * (1 + (i % 11)));

/** C(p) in plain loops. */
type Compress = (p: Float32Array, draw: number) => Float32Array;

/** Feedback around it. */
function plainEncoder(compress: Compress): Compress {
  const e = new Float32Array(size);
  return (g, draw) => {
    const p = g.map((value, i) => value + (e[i] ?? 0));
    const sent = compress(p, draw);
    e.set(p.map((value, i) => value - (sent[i] ?? 0)));
    return sent;
  };
}

const scaledSign: Compress = (p) =>
  p.map((value, i) => {
    const block = p.subarray(i - (i % 1024), i - (i % 1024) + 1024);
    return Math.sign(value) * (block.reduce((sum, each) => sum + Math.abs(each), 0) / block.length);
  });

function topK(k: number): Compress {
  return (p) => {
    const order = [...p.keys()].sort((a, b) => Math.abs(p[b] ?? 0) - Math.abs(p[a] ?? 0) || a - b);
    const chosen = new Set(order.slice(0, k));
    return p.map((value, i) => (chosen.has(i) ? value : 0));
  };
}

/** The documented draw with integers of arbitrary size. */
function randomK(k: number, seed: number): Compress {
  const word = (value: bigint): bigint => BigInt.asUintN(32, value);
  const finalised = (value: bigint): bigint => {
    let bits = word((value ^ (value >> 16n)) * 0x85eb_ca6bn);
    bits = word((bits ^ (bits >> 13n)) * 0xc2b2_ae35n);
    return bits ^ (bits >> 16n);
  };
  return (p, draw) => {
    const sent = new Float32Array(size);
    let state = finalised(finalised(finalised(BigInt(seed) ^ 0x85eb_ca6bn) ^ BigInt(draw)));
    for (let i = 0; i < k; i++) {
      const [begin, end] = [Math.floor((i * size) / k), Math.floor(((i + 1) * size) / k)];
      state = word(state + 0x9e37_79b9n);
      const index = begin + Number((finalised(state) * BigInt(end - begin)) >> 32n);
      sent[index] = p[index] ?? 0;
    }
    return sent;
  };
}

const twoBit: Compress = (p) => p.map((value) => (Math.abs(value) >= 2 ? Math.sign(value) * 2 : 0));

const cases: readonly { readonly spec: EncodingSpec; readonly compress: Compress }[] = [
  { spec: { name: "one_bit" }, compress: scaledSign },
  { spec: { name: "two_bit", threshold: 2 }, compress: twoBit },
  { spec: { name: "top_k", share: 0.02 }, compress: topK(30) },
  { spec: { name: "random_k", share: 0.02, seed: 77 }, compress: randomK(30, 77) },
];

function ours(spec: EncodingSpec): number[][] {
  const ends = Array.from({ length: workers }, () => createEnds(spec, size));
  const server = createEnds(spec, size);
  return Array.from({ length: steps }, (_, step) => {
    let mean: number[] = Array.from({ length: size }, () => 0);
    ends.forEach((each, worker) => {
      each.encode(gradient(worker, step), step * workers + worker);
      mean = each.accumulate(mean, 1 / workers);
    });
    return server.send(mean, step);
  });
}

function plain(compress: Compress): Float32Array[] {
  const ends = Array.from({ length: workers }, () => plainEncoder(compress));
  const server = plainEncoder(compress);
  return Array.from({ length: steps }, (_, step) => {
    const mean = new Float32Array(size);
    ends.forEach((each, worker) => {
      const sent = each(gradient(worker, step), step * workers + worker);
      sent.forEach((value, i) => (mean[i] = (mean[i] ?? 0) + Math.fround(value * Math.fround(1 / workers))));
    });
    return server(mean, step);
  });
}

describe("gradients that are encoded twice, worker to server to worker", () => {
  it.each(cases)("are those of plain loops: $spec.name", ({ spec, compress }) => {
    const wanted = plain(compress);
    const found = ours(spec);
    let [gap, greatest] = [0, 0];
    found.forEach((values, step) => {
      values.forEach((value, i) => {
        gap = Math.max(gap, Math.abs(value - (wanted[step]?.[i] ?? NaN)));
        greatest = Math.max(greatest, Math.abs(value));
      });
    });
    expect(greatest).toBeGreaterThan(1);
    // Each of 2 · 8 encodings rounds a few times; means over a block add up in another order.
    expect(gap).toBeLessThanOrEqual(greatest * steps * 2 ** -20);
  });
});
