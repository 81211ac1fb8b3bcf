import { describe, expect, it } from "vitest";
import { createKernelMemory, viewFloats } from "./create-kernel-memory.ts";

const page = 65_536;

describe.each([true, false])("a kernel memory (shared: %s)", (shared) => {
  it("hands out zeroed regions at multiples of 64, never the first 1 KiB", () => {
    const memory = createKernelMemory({ shared, initialBytes: page, maximumBytes: page });
    const region = memory.allocate(100);
    expect(region.byteOffset).toBeGreaterThanOrEqual(4_096);
    expect(region.byteOffset % 64).toBe(0);
    expect(region.byteLength).toBe(100);
    memory.floats(region.byteOffset, 25).fill(3);
    memory.free(region);
    const again = memory.allocate(4_000);
    expect(again.byteOffset).toBe(region.byteOffset);
    expect(memory.floats(again.byteOffset, 1_000).every((value) => value === 0)).toBe(true);
    expect(memory.allocatedBytes).toBe(4_032);
  });

  it("grows when it must, up to its maximum, and says who had what when it cannot", () => {
    const memory = createKernelMemory({ shared, initialBytes: page, maximumBytes: 4 * page });
    const first = memory.allocate(page / 2);
    memory.floats(first.byteOffset, 4).fill(9);
    const second = memory.allocate(3 * page);
    expect(memory.floats(second.byteOffset, 1)[0]).toBe(0);
    expect(memory.floats(first.byteOffset, 4)[3]).toBe(9);
    expect(() => memory.allocate(page)).toThrow(/^\[out_of_memory\] .*65536 bytes/);
    memory.free(first);
    memory.free(second);
    expect(memory.allocatedBytes).toBe(0);
    expect(memory.allocate(4 * page - 4_096).byteOffset).toBe(4_096);
  });

  it("refuses to free what is not allocated", () => {
    const memory = createKernelMemory({ shared, maximumBytes: 2 ** 24 });
    const region = memory.allocate(64);
    memory.free(region);
    expect(() => memory.free(region)).toThrow(RangeError);
  });

  it("knows its own views", () => {
    const memory = createKernelMemory({ shared, initialBytes: page, maximumBytes: 64 * page });
    const region = memory.allocate(1_024);
    expect(memory.offsetOf(memory.floats(region.byteOffset + 64, 4))).toBe(region.byteOffset + 64);
    expect(memory.offsetOf(new Uint8Array(memory.memory.buffer, 5, 3))).toBe(5);
    expect(memory.offsetOf(new Float32Array(4))).toBeUndefined();
    const old = memory.floats(region.byteOffset, 4);
    memory.allocate(8 * page);
    // A shared view survives growth; a private one is detached and belongs to nothing.
    expect(memory.offsetOf(old)).toBe(shared ? region.byteOffset : undefined);
    expect(memory.offsetOf(memory.floats(region.byteOffset, 4))).toBe(region.byteOffset);
  });

  it("knows its own views when another memory of the thread, or another thread, has grown", () => {
    const [memory, other] = [1, 2].map(() =>
      createKernelMemory({ shared, initialBytes: page, maximumBytes: 64 * page }),
    );
    const { byteOffset } = memory!.allocate(1_024);
    const before = memory!.floats(byteOffset, 4);
    other!.allocate(8 * page);
    const between = memory!.floats(byteOffset, 4);
    other!.allocate(8 * page);
    expect([before, between].map((view) => memory!.offsetOf(view))).toEqual([byteOffset, byteOffset]);
    expect(memory!.offsetOf(new Float32Array(memory!.memory.buffer, byteOffset, 4))).toBe(byteOffset);
    expect(memory!.offsetOf(other!.floats(byteOffset, 4))).toBeUndefined();
  });

  it("refuses a view beyond its end and leaves the others alone", () => {
    const memory = createKernelMemory({ shared, initialBytes: page, maximumBytes: page });
    const view = memory.floats(memory.allocate(64).byteOffset, 16);
    expect(() => memory.floats(page, 1)).toThrow(RangeError);
    expect(view.length).toBe(16);
  });

  it("reads and writes above 2 GiB", () => {
    const memory = createKernelMemory({ shared, initialBytes: page });
    const low = memory.allocate(2 ** 31);
    const high = memory.allocate(2 ** 20);
    expect(high.byteOffset).toBeGreaterThanOrEqual(2 ** 31);
    const view = memory.floats(high.byteOffset, 4);
    view[0] = 1.5;
    expect(viewFloats(memory.memory, high.byteOffset, 1)[0]).toBe(1.5);
    memory.free(low);
  });
});

it("refuses impossible sizes", () => {
  expect(() => createKernelMemory({ initialBytes: 0 })).toThrow(RangeError);
  expect(() => createKernelMemory({ maximumBytes: 2 ** 33 })).toThrow(RangeError);
  expect(() => createKernelMemory({ initialBytes: 2 * page, maximumBytes: page })).toThrow(RangeError);
  expect(() => createKernelMemory({ maximumBytes: page }).allocate(-1)).toThrow(RangeError);
});

it("is shared where the platform can share, 4 GiB at most", () => {
  const memory = createKernelMemory();
  expect(memory.shared).toBe(true);
  expect(memory.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
});
