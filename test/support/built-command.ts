/**
 * Set-up of the tests that start processes: puts the `shoal` command, and each thread that it starts, into a few files. A
 * process that reads these is there in a third of the time that a thousand sources take, which are the same code, and a
 * cluster is many processes.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestProject } from "vitest/node";
import { build, type Rolldown } from "vite";

const root = join(import.meta.dirname, "../..");
/** Of the same names each time: what Node has compiled of them is found again. */
const folder = join(root, "node_modules/.cache/shoal-command");
/** Below here, as in a package: the command, and beside each other what finds its threads there. Kernels lie in `build`. */
const built = join(folder, "src");
const entries = {
  bin: "packages/shoal/src/bin.ts",
  "host/compute-thread": "packages/worker/src/host/compute-thread.ts",
  "host/dataset-thread": "packages/models/src/host/dataset-thread.ts",
  "host/product-thread": "packages/kernels-wasm/src/host/product-thread.ts",
};
const kernels = join(root, "packages/kernels-wasm/build");

let isBuilt = false;

/** For all projects once, and once for each run of a watch. */
export async function setup(project: TestProject): Promise<void> {
  project.onTestsRerun(buildCommand);
  if (!isBuilt) await buildCommand();
  isBuilt = true;
}

/** Tests, whose processes inherit it, find the command's file in `SHOAL_COMMAND_FILE`. */
async function buildCommand(): Promise<void> {
  const files = new Map<string, string | Uint8Array>();
  for (const name of readdirSync(kernels)) files.set(join("build", name), readFileSync(join(kernels, name)));
  for (const { fileName, code } of await bundle()) files.set(join("src", fileName), code);
  for (const [name, content] of files) replace(join(folder, name), Buffer.from(content));
  process.env["SHOAL_COMMAND_FILE"] = join(built, "bin.js");
}

async function bundle(): Promise<readonly Rolldown.OutputChunk[]> {
  const result = await build({
    configFile: false,
    root,
    logLevel: "error",
    ssr: {
      noExternal: true,
      external: ["msgpackr-extract"],
      resolve: { conditions: ["shoal-source", "node", "module"] },
    },
    build: {
      ...{ ssr: true, write: false, target: "esnext", minify: false },
      rolldownOptions: {
        input: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(root, file)])),
        output: { entryFileNames: "[name].js", chunkFileNames: "host/[name].js" },
      },
    },
  });
  if (!("output" in result)) throw new Error("the command was not built");
  return result.output.filter((file) => file.type === "chunk");
}

/** Another run may be using the file, and has made the same of the same sources: it is whole at any moment. */
function replace(file: string, content: Buffer): void {
  if (existsSync(file) && readFileSync(file).equals(content)) return;
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content);
  renameSync(draft, file);
}
