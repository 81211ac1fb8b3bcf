/** What a page has to load before it can take part. */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, it } from "vitest";

/** 100 KiB, without the kernels: those are WebAssembly, and their loader comes with them. */
const mostBytes = 100 * 1024;

/** What is loaded when a task asks for it: masks of secure sums, and codecs of updates. */
const mostBytesLater = 18 * 1024;

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
  const bytes = bytesOf(first);
  expect(bytes).toBeLessThan(mostBytes);
  expect(bytes).toBeGreaterThan(mostBytes / 2); // it is all there
  const masks = chunks.filter((chunk) => !first.includes(chunk) && chunk.name === "play-secure-round");
  expect(masks).toHaveLength(1);
  expect(bytesOf(masks)).toBeLessThan(mostBytesLater);
  expect(chunks.flatMap(({ imports }) => imports).filter((name) => name.startsWith("node:"))).toEqual([]);
  expect(
    chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => /opentelemetry|\/zod\/v4\/classic/.test(id)),
  ).toEqual([]);
});
