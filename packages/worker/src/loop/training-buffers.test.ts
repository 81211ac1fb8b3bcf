import { createKernelMemory } from "@shoal/kernels-wasm";
import { describe, expect, it } from "vitest";
import { createTrainingBuffers } from "./training-buffers.ts";

const memory = createKernelMemory();

describe("training buffers", () => {
  it("allocate a gradient only when all others are in use, up to their bound", () => {
    const buffers = createTrainingBuffers(memory, 100, 2);
    const first = buffers.takeGradient();
    buffers.returnGradient(first);
    expect(buffers.takeGradient()).toBe(first);
    const second = buffers.takeGradient();
    expect(second.offset).not.toBe(first.offset);
    expect(() => buffers.takeGradient()).toThrow(/all 2 gradients are in use/);
    buffers.free();
  });

  it("give everything back, once", () => {
    const before = memory.allocatedBytes;
    const buffers = createTrainingBuffers(memory, 100, 2);
    buffers.takeGradient();
    buffers.free();
    buffers.free();
    expect(memory.allocatedBytes).toBe(before);
  });
});
