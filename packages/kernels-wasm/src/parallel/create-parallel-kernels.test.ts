import { afterAll, describe, expect, it } from "vitest";
import {
  createKernelMemory,
  createParallelKernels,
  instantiateKernels,
  loadKernelModules,
  type KernelMemory,
  type Offset,
} from "../index.ts";
import { closeJobs, controlBytes, controlView } from "./product-job.ts";

const modules = await loadKernelModules();

function randomVector(memory: KernelMemory, count: number, seed: number): Offset {
  const { byteOffset } = memory.allocate(count * 4);
  let state = seed;
  const view = memory.floats(byteOffset, count);
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    view[i] = state / 2 ** 31 - 1;
  }
  return byteOffset;
}

/** Index of the first element whose bits differ, −1 when there is none. */
function firstDifference(memory: KernelMemory, x: Offset, y: Offset, count: number): number {
  const bits = new Int32Array(memory.memory.buffer, x, count);
  const others = new Int32Array(memory.memory.buffer, y, count);
  return bits.findIndex((value, index) => value !== others[index]);
}

/** By columns and by rows, whole and odd, in two and in more pieces, with little depth, and too small to be cut. */
const shapes = [
  [64, 784, 256],
  [256, 64, 784],
  [130, 300, 61],
  [61, 300, 130],
  [33, 1_000, 49],
  [700, 2, 900],
  [513, 515, 517],
  [64, 128, 10],
  [1, 784, 256],
] as const;

describe.each(["baseline", "relaxed"] as const)("products of the %s kernels on three threads", async (build) => {
  const memory = createKernelMemory({ maximumBytes: 2 ** 27 });
  const alone = instantiateKernels(modules, memory, { build });
  const together = await createParallelKernels(modules, memory, { build, threads: 3 });
  afterAll(async () => together.close());

  it.each(shapes)("have the bits of one thread at %d×%d×%d (K2)", (m, k, n) => {
    const [a, b] = [randomVector(memory, m * k, 1), randomVector(memory, k * n, 2)];
    const [bias, c, d] = [randomVector(memory, n, 3), randomVector(memory, m * n, 4), randomVector(memory, m * n, 4)];
    for (const form of ["matmul", "matmulTransposeA", "matmulTransposeB"] as const) {
      for (const accumulate of [true, false]) {
        alone[form](a, b, c, m, k, n, accumulate);
        together.kernels[form](a, b, d, m, k, n, accumulate);
        expect(firstDifference(memory, c, d, m * n), form).toBe(-1);
      }
    }
    for (const activation of ["relu", "tanh"] as const) {
      alone.dense(a, b, bias, c, m, k, n, activation);
      together.kernels.dense(a, b, bias, d, m, k, n, activation);
      expect(firstDifference(memory, c, d, m * n)).toBe(-1);
    }
    for (const byteOffset of [a, b, bias, c, d]) memory.free({ byteOffset, byteLength: 0 });
  });

  it("throw what one thread throws when they lie outside memory, and go on", () => {
    const end = memory.memory.buffer.byteLength;
    expect(() => together.kernels.matmul(end - 4_096, 4_096, 4_096, 64, 784, 256, false)).toThrow(
      WebAssembly.RuntimeError,
    );
    const [a, c, d] = [1, 2, 3].map((seed) => randomVector(memory, 256 * 256, seed)) as [Offset, Offset, Offset];
    together.kernels.matmul(a, a, c, 256, 256, 256, false);
    alone.matmul(a, a, d, 256, 256, 256, false);
    expect(firstDifference(memory, c, d, 256 * 256)).toBe(-1);
    expect(together.threads).toBe(3);
  });
});

it("goes on with one thread when another ends unasked, and says so", async () => {
  const memory = createKernelMemory({ maximumBytes: 2 ** 26 });
  const controls: Offset[] = [];
  const watched: KernelMemory = {
    ...memory,
    allocate(byteLength) {
      const region = memory.allocate(byteLength);
      if (byteLength === controlBytes) controls.push(region.byteOffset);
      return region;
    },
  };
  const failure = Promise.withResolvers<unknown>();
  const together = await createParallelKernels(modules, watched, { threads: 2, onFailure: failure.resolve });
  expect(together.threads).toBe(2);
  closeJobs(controlView(memory.memory, controls[0] ?? 0));
  expect(await failure.promise).toMatchObject({ code: "internal", message: /one thread/ });
  expect(together.threads).toBe(1);
  const [a, c] = [randomVector(memory, 256 * 256, 1), randomVector(memory, 256 * 256, 2)];
  together.kernels.matmul(a, a, c, 256, 256, 256, false);
  expect(memory.floats(c, 1)[0]).not.toBe(0);
  await together.close();
});

it("gives the memory of its threads back when closed, twice too, and computes alone", async () => {
  const memory = createKernelMemory({ maximumBytes: 2 ** 26 });
  const before = memory.allocatedBytes;
  const together = await createParallelKernels(modules, memory, { threads: 2 });
  const during = memory.allocatedBytes;
  await together.close();
  await together.close();
  expect(together.threads).toBe(1);
  // The scratch of the caller's own instance stays.
  expect((memory.allocatedBytes - before) * 2).toBeLessThan(during - before + controlBytes * 2);
  const a = randomVector(memory, 256 * 256, 1);
  const c = randomVector(memory, 256 * 256, 2);
  together.kernels.matmul(a, a, c, 256, 256, 256, false);
  expect(memory.floats(c, 256 * 256).every(Number.isFinite)).toBe(true);
});

it("refuses numbers of threads that make no sense, and private memory", async () => {
  const memory = createKernelMemory({ maximumBytes: 2 ** 24, shared: false });
  await expect(createParallelKernels(modules, memory, { threads: 2 })).rejects.toThrow(/shared/);
  for (const threads of [1, 17, 2.5]) {
    await expect(createParallelKernels(modules, memory, { threads })).rejects.toThrow(/from 2 to 16/);
  }
});
