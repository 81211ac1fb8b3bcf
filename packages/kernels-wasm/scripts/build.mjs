/**
 * Compiles the kernels into `build/*.wasm` when their sources changed: `core`, and `products` for each build.
 *
 * Plain JavaScript, because it must run on the Node 20 that a newcomer may have. Two builds may run at once (a test run
 * beside a set-up): each file is written beside its place and renamed, the digest last.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const sources = join(root, "assembly");
const target = join(root, "build");

const common = [
  ...["--runtime", "stub", "--noAssert", "--optimizeLevel", "3", "--shrinkLevel", "1"],
  ...["--importMemory", "--noExportMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
  ...["--enable", "simd", "--enable", "threads"],
];
/**
 * The constant tables of each module stand in a part of its own of the first 4 KiB, which the allocator never hands out
 * (see create-kernel-memory.ts). Both builds of `products` have the same tables.
 */
const modules = {
  core: { entry: "core.ts", options: [...common, "--memoryBase", "64"] },
  "products-baseline": { entry: "products.ts", options: [...common, "--memoryBase", "2048"] },
  "products-relaxed": {
    entry: "products.ts",
    options: [...common, "--memoryBase", "2048", "--enable", "relaxed-simd"],
  },
};

/** Digest of all that the binaries depend on: sources, compiler, and this script with its options. */
function digestOfInputs() {
  const compiler = createRequire(import.meta.url)("assemblyscript/package.json").version;
  const hash = createHash("sha256")
    .update(compiler)
    .update(readFileSync(fileURLToPath(import.meta.url)));
  for (const name of readdirSync(sources).sort()) {
    if (name.endsWith(".ts")) hash.update(`\0${name}\0`).update(readFileSync(join(sources, name)));
  }
  return hash.digest("hex");
}

function readOr(file, fallback) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return fallback;
  }
}

function replaceFile(file, content) {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content);
  renameSync(draft, file);
}

async function compile(asc, name) {
  let binary;
  const messages = [];
  const { entry, options } = modules[name];
  const sink = { write: (text) => void messages.push(String(text)) };
  const { error } = await asc.main([entry, "--baseDir", sources, "--outFile", "out.wasm", ...options], {
    stdout: sink,
    stderr: sink,
    writeFile: (_file, content) => void (binary = content),
  });
  if (error || binary === undefined) throw new Error(`kernels ${name}: ${messages.join("")}`, { cause: error });
  replaceFile(join(target, `${name}.wasm`), binary);
  return binary.length;
}

const digest = digestOfInputs();
const digestFile = join(target, "inputs.sha256");
if (readOr(digestFile, "") === digest) {
  console.log("kernels are up to date");
} else {
  const { default: asc } = await import("assemblyscript/asc");
  mkdirSync(target, { recursive: true });
  rmSync(digestFile, { force: true });
  for (const name of Object.keys(modules)) console.log(`kernels ${name}: ${await compile(asc, name)} bytes`);
  replaceFile(digestFile, digest);
}
