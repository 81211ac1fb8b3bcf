/** What a page has to load before it can take part. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build, type Plugin, type Rolldown } from "vite";
import { expect, it } from "vitest";

/** In one script, at once, without the kernels: those are WebAssembly, and their loader comes with them. About 88,600 now. */
const mostBytesFirst = 90_500;

/** With what it trains with: all that a client of a plain task ever loads. About 98,700 now. */
const mostBytesToTrain = 100_000;

/** Loaded when a client is drawn for its first round, and when a task asks for what few want. */
const mostBytesLater: Readonly<Record<string, number>> = {
  "edge-trainer": 9_500,
  "corrected-training": 700,
  "round-control": 1_700,
  "hide-update": 700,
  "random-bits": 700,
  "privacy-account": 2_500,
  "log-space": 1_000,
  "play-secure-round": 11_000,
  "kernel-codec": 6_500,
  "check-device": 1_000,
  "plan-bytes": 4_000,
};

/** The page of `shoal edge`, before it takes part: what is seen, and the client with its two workers. About 99,000 now. */
const mostBytesOfPage = 100_000;

const packedBytes = (content: string | Buffer): number => gzipSync(content, { level: 9 }).length;
const bytesOf = (chunks: readonly Rolldown.OutputChunk[]): number =>
  chunks.reduce((sum, { code }) => sum + packedBytes(code), 0);

/** Those of a kind, and what they import. */
function withImports(
  chunks: readonly Rolldown.OutputChunk[],
  isMeant: (chunk: Rolldown.OutputChunk) => boolean,
): readonly Rolldown.OutputChunk[] {
  const names = new Set(chunks.filter(isMeant).map(({ fileName }) => fileName));
  // What is added meanwhile is visited, too.
  for (const name of names) {
    for (const next of chunks.find(({ fileName }) => fileName === name)?.imports ?? []) names.add(next);
  }
  return chunks.filter(({ fileName }) => names.has(fileName));
}

const entry = fileURLToPath(new URL("../../../test/support/page-client.ts", import.meta.url));

/** What vite puts around imports that wait is not the client's: it preloads styles. */
const plainImports: Plugin = {
  name: "plain-imports",
  enforce: "pre",
  load: (id) => (id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : undefined),
};

async function bundle(): Promise<Rolldown.OutputChunk[]> {
  const result = await build({
    ...{ configFile: false, logLevel: "error", root: fileURLToPath(new URL("../../..", import.meta.url)) },
    resolve: { conditions: ["shoal-source", "module", "browser", "development|production"] },
    plugins: [plainImports],
    build: {
      ...{ write: false, target: "es2022", minify: true, modulePreload: false },
      rolldownOptions: {
        ...{ input: entry, preserveEntrySignatures: "allow-extension", external: /^@shoal\/kernels-wasm/ },
        output: { comments: false },
      },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !("output" in output)) throw new Error("vite has built nothing");
  return output.output.filter((each) => each.type === "chunk");
}

it("a client for browsers is small, and loads nothing of Node", { timeout: 60_000 }, async () => {
  const chunks = await bundle();
  const first = withImports(chunks, ({ isEntry }) => isEntry);
  expect(bytesOf(first)).toBeLessThan(mostBytesFirst);
  expect(bytesOf(first)).toBeGreaterThan(mostBytesFirst / 2); // it is all there
  const toTrain = withImports(chunks, ({ isEntry, name }) => isEntry || name === "edge-trainer");
  expect(bytesOf(toTrain)).toBeGreaterThan(bytesOf(first));
  expect(bytesOf(toTrain)).toBeLessThanOrEqual(mostBytesToTrain);
  const later = new Map(
    chunks.filter((chunk) => !first.includes(chunk)).map((chunk) => [chunk.name, bytesOf([chunk])]),
  );
  expect([...later.keys()].toSorted()).toEqual(Object.keys(mostBytesLater).toSorted());
  for (const [name, most] of Object.entries(mostBytesLater)) expect(later.get(name)).toBeLessThan(most);
  expect(chunks.flatMap(({ imports }) => imports).filter((name) => name.startsWith("node:"))).toEqual([]);
  expect(
    chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => /opentelemetry|\/zod\/v4\/classic/.test(id)),
  ).toEqual([]);
});

const edgeClient = fileURLToPath(new URL("..", import.meta.url));
const page = join(edgeClient, "build", "page");

/** Scripts that a page loads by itself, after their imports. */
function scriptsFrom(entries: readonly string[]): ReadonlySet<string> {
  const names = new Set(entries);
  for (const name of names) {
    const imports = readFileSync(join(page, name), "utf8").matchAll(/(?:from|import)\s*["'`](\.[^"'`]+)["'`]/g);
    for (const [, path = ""] of imports) names.add(join(dirname(name), path));
  }
  return names;
}

it("the page of shoal edge loads each byte once", { timeout: 60_000 }, async () => {
  await promisify(execFile)(process.execPath, [join(edgeClient, "scripts", "build-page.mjs")]);
  const [, seen = ""] = /<script [^>]*src="([^"]+)"/.exec(readFileSync(join(page, "index.html"), "utf8")) ?? [];
  const workers = ["network-worker.js", "compute-worker.js"];
  const scripts = scriptsFrom([join(seen), ...workers]);
  const bytesOfScripts = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum + packedBytes(readFileSync(join(page, name))), 0);
  expect(bytesOfScripts([...scripts])).toBeLessThan(mostBytesOfPage);
  expect(bytesOfScripts([...scripts])).toBeGreaterThan(mostBytesOfPage / 2);
  const code = [...scripts].map((name) => readFileSync(join(page, name)));
  // Layers are known in the page and in both workers, here or when they train.
  for (const text of ["there is no connection to nats-server now", "a list of layers must not be empty"]) {
    expect(code.filter((content) => content.includes(text))).toHaveLength(1);
  }
  // Whoever imports a worker's script would run it.
  for (const name of scripts) {
    const imported = scriptsFrom([name]);
    for (const worker of workers) expect(imported.has(worker)).toBe(name === worker);
  }
});
