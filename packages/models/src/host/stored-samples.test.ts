import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBatchFiller, type BatchPlace } from "../data/batch-filler.ts";
import type { Dataset } from "../data/dataset.ts";
import type { DatasetSpec } from "../data/dataset-spec.ts";
import { createShuffle } from "../data/shuffle.ts";
import { loadDataset } from "./load-dataset.ts";
import { openRecordFile } from "./open-record-file.ts";
import { recordFilesOf, releaseDataset } from "./record-folder.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-stored-"));
  const lines = Array.from({ length: 200 }, (_, row) => ({ x: Math.sin(row), list: [row, -row], y: row % 3 }));
  await writeFile(join(folder, "rows.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
  const sparse = lines.map(({ y }, row) => `${y} 1:${row} ${2 + (row % 40)}:0.5${row % 2 === 0 ? " 50:1" : ""}`);
  await writeFile(join(folder, "rows.libsvm"), sparse.join("\n"));
  const header = [0, 0, 8, 3, 0, 0, 0, 90, 0, 0, 0, 2, 0, 0, 0, 3];
  const pixels = Uint8Array.from([...header, ...Array.from({ length: 90 * 6 }, (_, i) => (i * 37) % 256)]);
  await writeFile(join(folder, "images"), gzipSync(pixels));
  await writeFile(
    join(folder, "labels"),
    Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 90, ...pixels.slice(16, 106).map((i) => i % 3)]),
  );
  await writeFile(join(folder, "text"), "To be, or not to be, that is the question. ".repeat(40));
});
afterAll(() => rm(folder, { recursive: true }));

const batchSize = 16;

/** Room for a batch of any of the data sets. */
function placeFor(dataset: Dataset): BatchPlace {
  const [input] = Object.values(dataset.train.inputs);
  const content = input?.kind === "stored" ? input.content : input;
  if (content?.kind === "floats" || content?.kind === "bytes" || content?.kind === "dense") {
    const floats = new Float32Array(batchSize * content.width);
    const bytes = new Uint8Array(floats.length);
    const convertBytes = (rows: number, scale: number, shift: number): void => {
      for (let i = 0; i < rows * content.width; i += 1) floats[i] = scale * ((bytes[i] ?? 0) - shift);
    };
    const place = { kind: "floats", width: content.width, floats, bytes, convertBytes } as const;
    return { batchSize, inputs: { input: place }, targets: { output: labels(1, 3) } };
  }
  if (content?.kind === "sparse") {
    const { features, active } = content;
    const place = {
      kind: "sparse",
      features,
      active,
      rowOffsets: new Int32Array(batchSize + 1),
      indices: new Int32Array(batchSize * active),
      values: new Float32Array(batchSize * active),
    } as const;
    return { batchSize, inputs: { input: place }, targets: { output: labels(1, 3) } };
  }
  if (content?.kind !== "tokens" && content?.kind !== "windows") throw new Error("no place for this column");
  const { length, vocabulary } = content;
  const place = { kind: "tokens", length, vocabulary, tokens: new Int32Array(batchSize * length) } as const;
  return { batchSize, inputs: { input: place }, targets: { output: labels(length, vocabulary) } };
}

const labels = (length: number, classes: number) =>
  ({ kind: "labels", length, classes, labels: new Int32Array(batchSize * length) }) as const;

/** Two epochs of batches, copied. */
function batchesOf(dataset: Dataset): unknown[] {
  const place = placeFor(dataset);
  const filler = createBatchFiller(dataset.train, place, openRecordFile);
  const shuffle = createShuffle(7, dataset.train.count);
  const batches: unknown[] = [];
  for (let epoch = 0; epoch < 2; epoch += 1) {
    for (let begin = 0; begin < dataset.train.count; begin += batchSize) {
      filler.fill(shuffle.order(epoch), begin, Math.min(begin + batchSize, dataset.train.count));
      batches.push(
        structuredClone({
          inputs: place.inputs["input"]?.kind === "floats" ? place.inputs["input"].floats : place.inputs,
          targets: place.targets,
        }),
      );
    }
  }
  filler.close();
  return batches;
}

const load = (spec: DatasetSpec, memoryLimitBytes?: number): Promise<Dataset> =>
  loadDataset(spec, { cacheFolder: folder, baseFolder: folder, memoryLimitBytes });

const specs: readonly [string, DatasetSpec][] = [
  ["a table", { type: "jsonl", file: "rows.jsonl", labelColumn: "y" }],
  ["sparse rows", { type: "libsvm", file: "rows.libsvm" }],
  ["images", { type: "idx", images: "images", labels: "labels", testImages: "images", testLabels: "labels" }],
  ["text", { type: "text", file: "text", tokens: "characters", length: 10, stride: 3 }],
];

describe("samples in a file of records", () => {
  it.each(specs)("give the same batches of %s as those in memory, and are gone when released", async (_kind, spec) => {
    const inMemory = await load(spec);
    expect(recordFilesOf(inMemory)).toEqual([]);
    const stored = await load(spec, 100);
    expect(stored.train.count).toBe(inMemory.train.count);
    expect(batchesOf(stored)).toEqual(batchesOf(inMemory));
    const files = recordFilesOf(stored);
    expect(files.length).toBeGreaterThan(0);
    expect(files.every((file) => existsSync(file))).toBe(true);
    releaseDataset(stored);
    expect(files.some((file) => existsSync(file))).toBe(false);
  });

  it("say where a file is cut short or gone", async () => {
    const stored = await load({ type: "jsonl", file: "rows.jsonl", labelColumn: "y" }, 100);
    const [file = ""] = recordFilesOf(stored);
    const filler = createBatchFiller(stored.train, placeFor(stored), openRecordFile);
    await writeFile(file, new Uint8Array(20));
    expect(() => filler.fill(Uint32Array.of(1), 0, 1)).toThrow(expect.objectContaining({ code: "data_corrupt" }));
    filler.close();
    releaseDataset(stored);
    expect(() => createBatchFiller(stored.train, placeFor(stored), openRecordFile)).toThrow("there is no such file");
    expect(() => createBatchFiller(stored.train, placeFor(stored))).toThrow(TypeError);
  });

  it("leave no file behind when the second part of a data set is wrong", async () => {
    const spec: DatasetSpec = {
      type: "idx",
      images: "images",
      labels: "labels",
      testImages: "text",
      testLabels: "labels",
    };
    await expect(load(spec, 10)).rejects.toMatchObject({ code: "data_corrupt" });
    expect(await readdir(join(folder, "records"))).toEqual([]);
  });

  it("name the folder that cannot be written", async () => {
    const loading = loadDataset(
      { type: "jsonl", file: "rows.jsonl", labelColumn: "y" },
      {
        cacheFolder: join(folder, "text"), // a file
        baseFolder: folder,
        memoryLimitBytes: 1,
      },
    );
    await expect(loading).rejects.toMatchObject({ code: "file_not_writable" });
  });
});
