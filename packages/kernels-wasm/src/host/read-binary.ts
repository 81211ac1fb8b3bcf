/**
 * Reads a compiled kernel binary that lies in the package's `build` folder: from the file system in Node, over HTTP in a
 * browser. The literal `new URL(…, import.meta.url)` is the form in which bundlers recognise an asset.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelBinary } from "../kernel-modules.ts";

function locationOf(binary: KernelBinary): URL {
  switch (binary) {
    case "core":
      return new URL("../../build/core.wasm", import.meta.url);
    case "baseline":
      return new URL("../../build/products-baseline.wasm", import.meta.url);
    case "relaxed":
      return new URL("../../build/products-relaxed.wasm", import.meta.url);
  }
}

/** @throws ShoalError missing_tool - when the kernels have not been compiled, or are not served */
export async function readBinary(binary: KernelBinary): Promise<Uint8Array> {
  const url = locationOf(binary);
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
      `The kernels ("${binary}") cannot be read from ${url.href}; compile them with "npm run kernels".`,
      { binary, location: url.href },
      { cause },
    );
  }
}
