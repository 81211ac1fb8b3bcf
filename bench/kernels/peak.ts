/**
 * The most that multiply-adds on registers can do here: a module of one loop, written out as bytes. Its sums are
 * independent of each other, so that neither latency nor memory holds the processor back.
 */
import type { KernelBuild } from "@shoal/kernels-wasm";

/** Multiply-adds on four lanes in one turn of the loop. */
const sums = 12;
const turns = 20_000;
/** Floating-point operations of one call. */
export const peakFlops: number = turns * sums * 4 * 2;

const v128 = 0x7b;
const f32 = 0x7d;
const get = 0x20;
const set = 0x21;
const simd = 0xfd;
const firstLane = [simd, 0x1f, 0];
const add = [simd, 0xe4, 0x01];
const multiply = [simd, 0xe6, 0x01];
const relaxedMultiplyAdd = [simd, 0x85, 0x02];

/**
 * @param build - `relaxed`: one fused multiply-add; `baseline`: a product and a sum
 * @returns a function of one call's work; @throws CompileError where the engine lacks relaxed SIMD
 */
export function createPeak(build: KernelBuild): () => number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(encodeModule(build)));
  return exports["peak"] as () => number;
}

function encodeModule(build: KernelBuild): Uint8Array<ArrayBuffer> {
  const name = [...new TextEncoder().encode("peak")];
  const body = encodeBody(build);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    // One type, () → f32; one function of it; exported.
    ...section(1, [1, 0x60, 0, 1, f32]),
    ...section(3, [1, 0]),
    ...section(7, [1, name.length, ...name, 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

/**
 * Local 0 counts down, 1 and 2 are the factors, from 3 on stand the sums. A sum is c + x·y where that is one operation;
 * as two it is c·x + y, because an engine would take the product x·y out of the loop.
 */
function encodeBody(build: KernelBuild): readonly number[] {
  const step = (local: number): readonly number[] =>
    build === "relaxed"
      ? [get, 1, get, 2, get, local, ...relaxedMultiplyAdd, set, local]
      : [get, local, get, 1, ...multiply, get, 2, ...add, set, local];
  const locals = Array.from({ length: sums }, (_, index) => 3 + index);
  const constant = (value: number): readonly number[] => [0x43, ...float(value), simd, 0x13];
  return [
    ...[2, 1, 0x7f, 2 + sums, v128],
    ...[0x41, ...signed(turns), set, 0],
    ...[...constant(0.5), set, 1, ...constant(0.25), set, 2],
    ...locals.flatMap((local) => [...constant(local), set, local]),
    ...[0x03, 0x40],
    ...locals.flatMap(step),
    ...[get, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b],
    // The sum of the sums is returned, so that none of them is in vain.
    ...locals.flatMap((local, index) => [get, local, ...(index > 0 ? add : [])]),
    ...[...firstLane, 0x0b],
  ];
}

function section(id: number, content: readonly number[]): readonly number[] {
  return [id, ...unsigned(content.length), ...content];
}

function float(value: number): readonly number[] {
  return [...new Uint8Array(Float32Array.of(value).buffer)];
}

function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): readonly number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
