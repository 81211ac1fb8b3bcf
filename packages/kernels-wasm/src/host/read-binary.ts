/**
 * Reads a compiled kernel binary that lies in the package's `build` folder: from the file system in Node, over HTTP in a
 * browser. The literal `new URL(…, import.meta.url)` is the form in which bundlers recognise an asset.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelBuild } from "../kernels.ts";

function locationOf(build: KernelBuild): URL {
  return build === "relaxed"
    ? new URL("../../build/relaxed.wasm", import.meta.url)
    : new URL("../../build/baseline.wasm", import.meta.url);
}

/** @throws ShoalError missing_tool - when the kernels have not been compiled, or are not served */
export async function readBinary(build: KernelBuild): Promise<Uint8Array> {
  const url = locationOf(build);
  try {
    if (url.protocol === "file:") {
      const { readFile } = await import("node:fs/promises");
      return await readFile(url);
    }
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new ShoalError(
      "missing_tool",
      `The ${build} kernels cannot be read from ${url.href}; compile them with "npm run kernels".`,
      { build, location: url.href },
      { cause },
    );
  }
}
