import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { denseInput, labelTarget } from "../../../../test/support/columns.ts";
import { loadDataset } from "./load-dataset.ts";
import { locateMnist, type MnistSearch } from "./locate-mnist.ts";
import { mnistFiles, type MnistFile } from "./mnist-files.ts";

/** Small files under the names of MNIST, with checksums of their own. */
const contents = new Map(mnistFiles.map(({ name }) => [name, Buffer.from(`the content of ${name}`)]));
const contentOf = (name: string): Buffer => contents.get(name) ?? Buffer.alloc(0);
const files: readonly MnistFile[] = mnistFiles.map((file) => {
  const content = contentOf(file.name);
  return { ...file, bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
});

type Answer = (name: string) => { readonly status?: number; readonly body?: Uint8Array } | "silence";

interface Mirror extends AsyncDisposable {
  readonly url: string;
  readonly asked: string[];
}

/** A mirror on loopback. */
async function startMirror(answer: Answer): Promise<Mirror> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const name = request.url?.split("/").at(-1) ?? "";
    asked.push(name);
    const given = answer(name.replace(/\.gz$/, ""));
    if (given === "silence") return;
    response.writeHead(given.status ?? 200).end(given.body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}/mnist`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const packed: Answer = (name) => ({ body: gzipSync(contentOf(name)) });

let folder = "";
let lines: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-mnist-"));
  lines = [];
});
afterEach(() => rm(folder, { recursive: true }));

function search(given: Partial<MnistSearch>): MnistSearch {
  return { cacheFolder: join(folder, "cache"), files, mirrors: [], log: (line) => lines.push(line), ...given };
}

async function putFiles(into: string, names: readonly string[], pack = true): Promise<void> {
  await mkdir(into, { recursive: true });
  for (const name of names) {
    const content = contentOf(name);
    await writeFile(join(into, pack ? `${name}.gz` : name), pack ? gzipSync(content) : content);
  }
}

const names = files.map(({ name }) => name);

describe("locating MNIST", () => {
  it("takes the files of the user's folder, packed or not, there or in its folder mnist", async () => {
    const own = join(folder, "own");
    await putFiles(own, names.slice(0, 2));
    await putFiles(own, names.slice(2), false);
    const direct = await locateMnist(search({ dataFolder: own }));
    expect(direct).toMatchObject({ found: true, source: `MNIST from ${own}` });
    if (!direct.found) return;
    expect(Buffer.from(direct.contents.testLabels).toString()).toBe("the content of t10k-labels-idx1-ubyte");

    await putFiles(join(folder, "data", "mnist"), names);
    const nested = await locateMnist(search({ dataFolder: join(folder, "data") }));
    expect(nested).toMatchObject({ found: true, source: `MNIST from ${join(folder, "data", "mnist")}` });
  });

  it("takes other data in MNIST's form from the user's folder and says so", async () => {
    const own = join(folder, "own");
    await putFiles(own, names);
    await writeFile(join(own, `${names[0]}.gz`), gzipSync("something else"));
    expect(await locateMnist(search({ dataFolder: own }))).toMatchObject({
      found: true,
      source: `${own} (its checksums are not those of MNIST)`,
    });
  });

  it("ends with an error where the user's folder is missing or damaged", async () => {
    await expect(locateMnist(search({ dataFolder: join(folder, "none") }))).rejects.toMatchObject({
      code: "data_not_found",
    });
    const own = join(folder, "own");
    await putFiles(own, names);
    const cut = gzipSync(contentOf(names[0] ?? "")).subarray(0, 20);
    await writeFile(join(own, `${names[0]}.gz`), cut);
    await expect(locateMnist(search({ dataFolder: own }))).rejects.toMatchObject({
      code: "data_corrupt",
      details: { file: join(own, `${names[0]}.gz`), position: 20 },
    });
  });

  it("downloads what is missing once and finds it in the cache from then on", async () => {
    await using mirror = await startMirror(packed);
    const own = join(folder, "own");
    await putFiles(own, names.slice(0, 1));
    const first = await locateMnist(search({ dataFolder: own, mirrors: [mirror.url] }));
    expect(first).toMatchObject({ found: true, source: expect.stringContaining("downloaded from 127.0.0.1") });
    expect(mirror.asked).toEqual(names.map((name) => `${name}.gz`));
    expect(lines).toContain(`MNIST is not in ${own}`);
    const cache = join(folder, "cache", "mnist");
    expect((await readdir(cache)).toSorted()).toEqual(names.map((name) => `${name}.gz`).toSorted());
    const second = await locateMnist(search({ mirrors: [mirror.url] }));
    expect(second).toMatchObject({ found: true, source: `MNIST from the cache ${cache}` });
    expect(mirror.asked).toHaveLength(4);
  });

  it("fetches a damaged file of the cache again, and that one alone", async () => {
    await using mirror = await startMirror(packed);
    const cache = join(folder, "cache", "mnist");
    await putFiles(cache, names);
    await writeFile(join(cache, `${names[1]}.gz`), gzipSync(contentOf(names[1] ?? "")).subarray(0, 15));
    await writeFile(join(cache, `${names[2]}.gz`), gzipSync("not this"));
    expect(await locateMnist(search({ mirrors: [mirror.url] }))).toMatchObject({ found: true });
    expect(mirror.asked).toEqual([`${names[1]}.gz`, `${names[2]}.gz`]);
    expect(lines.filter((line) => line.includes("will be fetched again"))).toHaveLength(2);
    expect(await readFile(join(cache, `${names[2]}.gz`))).toEqual(gzipSync(contentOf(names[2] ?? "")));
  });

  it("goes on to the next mirror after a refusal, a wrong checksum, too much data or no data", async () => {
    await using good = await startMirror(packed);
    const bad: Answer[] = [
      () => ({ status: 503 }),
      () => ({ body: gzipSync("another content") }),
      () => ({ body: new Uint8Array(200_000) }),
      (name) => ({ body: gzipSync(contentOf(name)).subarray(0, 12) }),
    ];
    for (const answer of bad) {
      await using mirror = await startMirror(answer);
      const cacheFolder = await mkdtemp(join(folder, "cache-"));
      const found = await locateMnist(search({ cacheFolder, mirrors: [mirror.url, good.url] }));
      expect(found.found).toBe(true);
      expect(lines.at(-2)).toMatch(/^the download failed: /);
    }
  });

  it("gives up on a mirror that does not answer in time", async () => {
    await using mirror = await startMirror(() => "silence");
    const found = await locateMnist(search({ mirrors: [mirror.url], responseTimeoutMs: 100 }));
    expect(found).toEqual({ found: false, reason: `${new URL(mirror.url).host} did not deliver within 0.1 s` });
  });

  it("uses a download even when the cache cannot be written", async () => {
    await using mirror = await startMirror(packed);
    await writeFile(join(folder, "cache"), "a file where the folder should be");
    expect(await locateMnist(search({ mirrors: [mirror.url] }))).toMatchObject({ found: true });
    expect(lines.some((line) => line.includes("cannot be written"))).toBe(true);
  });

  it("says where it looked when there is no network", async () => {
    const closed = await startMirror(packed);
    await closed[Symbol.asyncDispose]();
    const found = await locateMnist(search({ mirrors: [closed.url] }));
    expect(found).toMatchObject({ found: false, reason: expect.stringContaining("cannot be reached (ECONNREFUSED)") });
    expect(await locateMnist(search({}))).toEqual({ found: false, reason: "downloads are turned off" });
  });
});

describe("loading MNIST", () => {
  it("falls back to generated digits and says so plainly", async () => {
    const environment = { cacheFolder: join(folder, "cache"), mirrors: [], log: (line: string) => lines.push(line) };
    const dataset = await loadDataset({ type: "mnist" }, environment);
    expect(dataset.name).toBe("digits");
    expect(dataset.source).toMatch(/^generated digits .* in place of MNIST, which could not be fetched: downloads are/);
    expect(lines.at(-1)).toMatch(/^using generated digits \(.*\) in place of MNIST$/);
    expect(dataset.source).toContain(lines.at(-1)?.slice("using ".length));
  });

  const shared = process.env["SHOAL_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
  const real = join(shared, "data");
  it("reads the real files where they are at hand", async (context) => {
    if (!existsSync(join(real, "mnist"))) context.skip("there is no shared data beside this clone");
    const dataset = await loadDataset({ type: "mnist" }, { cacheFolder: folder, dataFolder: real, mirrors: [] });
    expect(dataset).toMatchObject({
      name: "mnist",
      source: `MNIST from ${join(real, "mnist")}`,
      train: { count: 60_000 },
      test: { count: 10_000 },
    });
    expect(denseInput(dataset.train).width).toBe(784);
    expect(labelTarget(dataset.test).classes).toBe(10);
    expect([...labelTarget(dataset.train).values.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
  });
});
