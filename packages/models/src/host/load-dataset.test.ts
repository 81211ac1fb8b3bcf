import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { denseInput, labelTarget } from "../../../../test/support/columns.ts";
import { loadDataset } from "./load-dataset.ts";

const idx = (dimensions: readonly number[], data: readonly number[]): Uint8Array =>
  Uint8Array.from([0, 0, 8, dimensions.length, ...dimensions.flatMap((size) => [0, 0, 0, size]), ...data]);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-data-"));
  await writeFile(join(folder, "images.gz"), gzipSync(idx([2, 1, 2], [0, 255, 51, 102])));
  await writeFile(join(folder, "labels"), idx([2], [1, 0]));
  await writeFile(join(folder, "wide"), idx([2, 3], [1, 2, 3, 4, 5, 6]));
  await writeFile(join(folder, "rows.csv"), `\uFEFFname,"größe"\n${"a,1\nb,2\n".repeat(10)}`);
});
afterAll(() => rm(folder, { recursive: true }));

const environment = (): { cacheFolder: string; baseFolder: string } => ({ cacheFolder: folder, baseFolder: folder });
const files = { images: "images.gz", labels: "labels", testImages: "images.gz", testLabels: "labels" };

describe("loadDataset", () => {
  it("reads IDX files relative to the base folder, packed or plain", async () => {
    const { train, source } = await loadDataset({ type: "idx", ...files }, environment());
    expect(labelTarget(train).classes).toBe(2);
    expect(source).toContain(join(folder, "images.gz"));
    const { values, scale, shift } = denseInput(train);
    expect([...values].map((byte) => scale * (byte - shift))).toEqual([0, 1, 51 / 255, 102 / 255]);
  });

  it("reads CSV files with the names of their columns", async () => {
    const spec = { type: "csv", file: "rows.csv", labelColumn: "name", normalisation: "none" } as const;
    const { train, test } = await loadDataset(spec, environment());
    expect([labelTarget(train).classes, train.count, test.count]).toEqual([2, 18, 2]);
    expect([...denseInput(test).values]).toEqual([2, 2]);
  });

  it("generates digits", async () => {
    const { train, test } = await loadDataset({ type: "digits", samples: 7, testSamples: 3, seed: 2 }, environment());
    expect([train.count, test.count]).toEqual([7, 3]);
  });

  it("names the file that is missing or does not fit", async () => {
    const load = (changed: object): Promise<unknown> =>
      loadDataset({ type: "idx", ...files, ...changed }, environment());
    await expect(load({ labels: "none" })).rejects.toThrow(`${join(folder, "none")}: there is no such file`);
    await expect(load({ labels: "rows.csv" })).rejects.toMatchObject({ code: "data_corrupt" });
    await expect(load({ testImages: "wide" })).rejects.toThrow("test samples have 3 features, training samples 2");
    const csv = loadDataset({ type: "csv", file: "none.csv", labelColumn: 0 }, environment());
    await expect(csv).rejects.toMatchObject({ code: "data_not_found", details: { file: join(folder, "none.csv") } });
  });
});
