/**
 * Bundles the demo page into `build/page` when what it is made of changed. Plain JavaScript, because it must run on the
 * Node 20 that a newcomer may have. Two builds may run at once: each writes a folder of its own, which is renamed.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { pageChunks } from "./page-chunks.mjs";
import { namedWorkers, natsParts, plainImports, workers } from "./page-plugins.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const packages = join(root, "..");
const target = join(root, "build", "page");
/** Packages of which something is in the bundle. */
const ingredients = ["actors", "edge-client", "errors", "federated", "kernels-wasm", "models", "optimization"];

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.test(-d)?\.ts$/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

/** Digest of all that the page is made of: sources, kernels, bundler, and these scripts. */
function digestOfInputs() {
  const bundler = createRequire(import.meta.url)("vite/package.json").version;
  const hash = createHash("sha256").update(bundler);
  const folders = ingredients.map((name) => join(packages, name, "src"));
  const others = [join(root, "demo"), join(packages, "kernels-wasm", "build"), join(root, "scripts")];
  for (const file of [...folders, ...others].flatMap(filesBelow)) {
    hash.update(`\0${file.slice(packages.length)}\0`).update(readFileSync(file));
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

const digest = digestOfInputs();
if (readOr(join(target, "inputs.sha256"), "") === digest) {
  console.log("the page is up to date");
} else {
  const { build } = await import("vite");
  const draft = `${target}.${process.pid}`;
  mkdirSync(dirname(draft), { recursive: true });
  const demo = join(root, "demo");
  await build({
    configFile: false,
    root: demo,
    base: "./",
    logLevel: "error",
    resolve: { conditions: ["shoal-source", "module", "browser", "development|production"] },
    plugins: [plainImports, namedWorkers, natsParts],
    build: {
      ...{ outDir: draft, target: "es2022", assetsInlineLimit: 0, modulePreload: false },
      rolldownOptions: {
        input: {
          page: join(demo, "index.html"),
          ...Object.fromEntries(workers.map((name) => [name, join(root, "src", "join", "page", `${name}.ts`)])),
        },
        // Else an entry would hold what others import, and run where it is imported.
        preserveEntrySignatures: "strict",
        output: {
          comments: false,
          codeSplitting: pageChunks,
          entryFileNames: ({ name }) => (workers.includes(name) ? "[name].js" : "assets/[name]-[hash].js"),
        },
      },
    },
  });
  writeFileSync(join(draft, "inputs.sha256"), digest);
  rmSync(target, { recursive: true, force: true });
  try {
    renameSync(draft, target);
    console.log("page built");
  } catch (error) {
    // Another build was faster, and made the same.
    rmSync(draft, { recursive: true, force: true });
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
}
