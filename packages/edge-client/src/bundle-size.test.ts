/** What a page has to load before it can take part. */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, it } from "vitest";

/**
 * All of it, also what few pages ever load, without the kernels: those are WebAssembly, and their loader comes with them.
 * About 90,000 now.
 */
const mostBytes = 100_000;

/** Loaded at once: about 63,000 now. */
const mostBytesFirst = 75_000;

/** Loaded when a task asks for masks or for a coded update, or where the browser does not know Ed25519. */
const mostBytesLater: Readonly<Record<string, number>> = {
  "play-secure-round": 12_000,
  "kernel-codec": 8_000,
  "nacl-fast": 12_000,
};

const bytesOf = (chunks: readonly Rolldown.OutputChunk[]): number =>
  chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);

/** The entry, and what it imports. */
function loadedFirst(chunks: readonly Rolldown.OutputChunk[]): readonly Rolldown.OutputChunk[] {
  const names = new Set(chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  // What is added meanwhile is visited, too.
  for (const name of names) {
    for (const next of chunks.find(({ fileName }) => fileName === name)?.imports ?? []) names.add(next);
  }
  return chunks.filter(({ fileName }) => names.has(fileName));
}

const entry = fileURLToPath(new URL("../../../test/support/page-client.ts", import.meta.url));

async function bundle(): Promise<Rolldown.OutputChunk[]> {
  const result = await build({
    ...{ configFile: false, logLevel: "error", root: fileURLToPath(new URL("../../..", import.meta.url)) },
    resolve: { conditions: ["shoal-source", "module", "browser", "development|production"] },
    build: {
      ...{ write: false, target: "es2022", minify: true, modulePreload: { polyfill: false } },
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
  const first = loadedFirst(chunks);
  expect(bytesOf(chunks)).toBeLessThan(mostBytes);
  expect(bytesOf(first)).toBeLessThan(mostBytesFirst);
  expect(bytesOf(first)).toBeGreaterThan(mostBytesFirst / 2); // it is all there
  const later = new Map(
    chunks.filter((chunk) => !first.includes(chunk)).map((chunk) => [chunk.name, bytesOf([chunk])]),
  );
  expect([...later.keys()].toSorted()).toEqual(Object.keys(mostBytesLater).toSorted());
  for (const [name, most] of Object.entries(mostBytesLater)) expect(later.get(name)).toBeLessThan(most);
  expect(chunks.flatMap(({ imports }) => imports).filter((name) => name.startsWith("node:"))).toEqual([]);
  expect(
    chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => /opentelemetry|@nats-io|\/zod\/v4\/classic/.test(id)),
  ).toEqual([]);
});
