import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import {
  attachKernels,
  createKernelMemory,
  detectBuild,
  instantiateKernels,
  kernelScratchBytes,
  loadKernelModules,
} from "./index.ts";
import { activationCodes } from "./activation-codes.ts";

const modules = await loadKernelModules();

it("runs relaxed where the engine can, baseline when told to", () => {
  expect(detectBuild()).toBe("relaxed");
  const memory = createKernelMemory({ maximumBytes: 2 ** 24 });
  expect(instantiateKernels(modules, memory).build).toBe("relaxed");
  expect(instantiateKernels(modules, memory, { build: "baseline" }).build).toBe("baseline");
});

it("says that an engine cannot run a build, and that a scratch is too small", () => {
  const memory = createKernelMemory({ maximumBytes: 2 ** 24 });
  expect(() =>
    instantiateKernels({ core: modules.core, baseline: modules.baseline }, memory, { build: "relaxed" }),
  ).toThrow(/relaxed/);
  const scratch = memory.allocate(1_024);
  expect(() => instantiateKernels(modules, { memory: memory.memory, scratch })).toThrow(/1554432/);
});

/** Memory of an instance on its own, and what it exports; `core` with the micro-kernels it imports. */
function instanceOf(module: WebAssembly.Module): { bytes: Uint8Array; exports: WebAssembly.Exports } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const products =
    module === modules.core.private ? instanceOf(modules.baseline.private).exports : ({} as WebAssembly.Exports);
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, products });
  return { bytes: new Uint8Array(memory.buffer), exports };
}

const binaries = Object.entries(modules).map(([name, { private: module }]) => ({ name, module }));

it("has constants in its own part of the first 4 KiB alone", () => {
  for (const { name, module } of binaries) {
    const [begin, end] = name === "core" ? [64, 2_048] : [2_048, 4_096];
    const used = [...instanceOf(module).bytes.entries()].filter(([, byte]) => byte !== 0).map(([at]) => at);
    expect(used.every((at) => at >= begin && at < end)).toBe(true);
  }
});

it("needs the scratch that is announced, and has the numbers of activations and forms", () => {
  const { scratchBytes } = instanceOf(modules.core.private).exports as { scratchBytes: () => number };
  expect(scratchBytes()).toBe(kernelScratchBytes);
  const panels = readFileSync(new URL("../assembly/panels.ts", import.meta.url), "utf8");
  expect(panels).toMatch(/ALONG: i32 = 0;[^]*ACROSS: i32 = 1;/);
  const source = readFileSync(new URL("../assembly/activations.ts", import.meta.url), "utf8");
  for (const [name, code] of Object.entries(activationCodes)) {
    expect(source).toMatch(new RegExp(`export const ${name.toUpperCase()}: i32 = ${code};`));
  }
});

/** What stands behind the functions of the face that the binary does not have under the same name. */
const behind: Readonly<Record<string, readonly string[]>> = {
  matmul: ["product"],
  matmulTransposeA: ["product"],
  matmulTransposeB: ["product"],
  dense: ["product"],
  lamb: ["lambMoments", "lambStep"],
  layerNorm: ["normalize"],
  rmsNorm: ["normalize"],
  layerNormGradient: ["normalizeGradient"],
  rmsNormGradient: ["normalizeGradient"],
};

it("exports what the face offers, and imports nothing but memory and the micro-kernels of a build", () => {
  const kernels = instantiateKernels(modules, createKernelMemory({ maximumBytes: 2 ** 24 }));
  const offered = Object.entries(kernels).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
  const memory = { module: "env", name: "memory", kind: "memory" };
  const { core, baseline, relaxed = baseline } = modules;
  const microKernels = WebAssembly.Module.exports(baseline.private);
  expect(WebAssembly.Module.exports(relaxed.private)).toEqual(microKernels);
  const imported = microKernels.map(({ name, kind }) => ({ module: "products", name, kind }));
  expect(WebAssembly.Module.imports(core.private)).toEqual(expect.arrayContaining([memory, ...imported]));
  expect(WebAssembly.Module.imports(core.private)).toHaveLength(1 + imported.length);
  for (const { private: module } of [baseline, relaxed]) expect(WebAssembly.Module.imports(module)).toEqual([memory]);
  const names = WebAssembly.Module.exports(core.private)
    .map(({ name }) => name)
    .filter((name) => !/^(setScratch|scratchBytes|setConvolution)$/.test(name));
  const own = offered.flatMap((name) => behind[name] ?? [name]);
  expect(names.toSorted()).toEqual([...new Set(own)].toSorted());
});

it("is at most 60 kB in all", () => {
  const files = ["core", "products-baseline", "products-relaxed"].map((name) =>
    readFileSync(new URL(`../build/${name}.wasm`, import.meta.url)),
  );
  expect(files.reduce((sum, file) => sum + file.length, 0)).toBeLessThanOrEqual(60_000);
});

it("works on regions above 2 GiB, up to the end of a 4 GiB memory", () => {
  const memory = createKernelMemory();
  const kernels = instantiateKernels(modules, memory);
  const spacer = memory.allocate(2 ** 32 - 2 ** 20 - 2 ** 21);
  const rest = memory.allocate(2 ** 19);
  const [x, y] = [memory.allocate(2 ** 18), memory.allocate(2 ** 18)];
  expect(rest.byteOffset).toBeGreaterThan(2 ** 31);
  const count = 2 ** 16;
  kernels.fill(x.byteOffset, count, 2);
  kernels.fill(y.byteOffset, count, 1);
  kernels.axpy(x.byteOffset, y.byteOffset, count, 3);
  kernels.copy(y.byteOffset, rest.byteOffset, count);
  expect(kernels.sum(rest.byteOffset, count)).toBe(7 * count);
  expect(memory.floats(y.byteOffset, count).every((value) => value === 7)).toBe(true);
  memory.free(spacer);
});

it("works in another thread on the same memory, from what a message carries", async () => {
  const memory = createKernelMemory({ maximumBytes: 2 ** 26 });
  const x = memory.allocate(4_000);
  memory.floats(x.byteOffset, 1_000).fill(2);
  const scratch = memory.allocate(kernelScratchBytes);
  const build = detectBuild();
  const source = `
    import { parentPort, workerData } from "node:worker_threads";
    import { attachKernels } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    const kernels = attachKernels(workerData.attachment);
    kernels.scale(workerData.offset, 1000, 3);
    parentPort.postMessage(kernels.sum(workerData.offset, 1000));`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { attachment: { modules, memory: memory.memory, scratch, build }, offset: x.byteOffset },
    execArgv: ["--conditions=shoal-source"],
  });
  const sum = await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  expect(sum).toBe(6_000);
  expect(memory.floats(x.byteOffset, 1_000).every((value) => value === 6)).toBe(true);
  const here = attachKernels({ modules, memory: memory.memory, scratch, build });
  expect(here.sum(x.byteOffset, 1_000)).toBe(6_000);
});
