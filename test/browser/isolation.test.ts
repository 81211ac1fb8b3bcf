import { expect, it } from "vitest";

/** A module with one v128 function that uses a relaxed-SIMD instruction (i8x16.relaxed_swizzle). */
const simdModule = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
]);

it("runs in a page that is cross-origin isolated", () => {
  expect(crossOriginIsolated).toBe(true);
});

it("has WebAssembly memory that threads can share", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
});

it("has the vector instructions that the kernels are built with", () => {
  expect(WebAssembly.validate(simdModule)).toBe(true);
});
