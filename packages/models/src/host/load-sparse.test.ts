import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { isShoalError } from "@shoal/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labelTarget, numberTarget, sparseInput } from "../../../../test/support/columns.ts";
import type { Dataset } from "../data/dataset.ts";
import type { LibsvmDatasetSpec } from "../data/sparse-spec.ts";
import { loadDataset } from "./load-dataset.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-sparse-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(
  content: string | Uint8Array,
  testContent: string,
  given: Partial<LibsvmDatasetSpec> = {},
  memoryLimitBytes?: number,
): Promise<Dataset> {
  await writeFile(join(folder, "rows"), content);
  await writeFile(join(folder, "test"), testContent);
  const spec: LibsvmDatasetSpec = { type: "libsvm", file: "rows", testFile: "test", ...given };
  return await loadDataset(spec, { cacheFolder: folder, baseFolder: folder, memoryLimitBytes });
}

describe("libsvm files", () => {
  it("become sparse rows with classes from 0", async () => {
    const { train, test, preprocessing } = await load(
      "+1 1:0.5 7:2 # a comment\n\n-1\n1 qid:3 2:1e1\n",
      "-1 8:1 9:2 10:3",
    );
    expect(sparseInput(train)).toMatchObject({ features: 10, active: 3 });
    expect([...sparseInput(train).rowOffsets]).toEqual([0, 2, 2, 3]);
    expect([...sparseInput(train).indices]).toEqual([0, 6, 1]);
    expect([...(sparseInput(train).values ?? [])]).toEqual([0.5, 2, 10]);
    expect([...labelTarget(train).values]).toEqual([1, 0, 1]);
    expect([...labelTarget(test).values]).toEqual([0]);
    expect(preprocessing?.targets).toEqual({ output: { kind: "classes", column: "label", names: ["-1", "1"] } });
  });

  it("may hold numbers to predict, and a number of features that is given", async () => {
    const { train } = await load("0.25 1:1\n2 3:1", "1 1:1", { labelKind: "number", features: 20 });
    expect([...numberTarget(train)]).toEqual([0.25, 2]);
    expect(sparseInput(train).features).toBe(20);
  });

  it.each([
    ["1 1:1\nx 1:1", 'a label: expected a number, got "x" (line 2, byte 6)'],
    ["1 1:1\n1 0:1", "expected an index from 1 to 9, found 0 (line 2, byte 6)"],
    ["1 10:1", "expected an index from 1 to 9, found 10 (line 1, byte 0)"],
    ["1 3:1 3:1", "expected ascending indices, found 3 behind 3 (line 1, byte 0)"],
    ["1 3:nan", 'the value of 3: expected a number, got "nan" (line 1, byte 0)'],
    ["1 3", 'expected index:value, found "3" (line 1, byte 0)'],
    ["", "the file has no rows (line 1, byte 0)"],
  ])("tell line and byte of %j", async (text, sentence) => {
    await expect(load(text, "1 1:1", { features: 9 })).rejects.toThrow(
      `[data_corrupt] ${join(folder, "rows")}: ${sentence}`,
    );
  });

  it("tell the byte that is not UTF-8", async () => {
    const bytes = Uint8Array.of(0x31, 0x0a, 0x31, 0x20, 0xff, 0x0a);
    await expect(load(bytes, "1")).rejects.toMatchObject({ code: "data_corrupt", details: { line: 2, position: 4 } });
  });

  it("read back random rows, also from files of records, and say so when they are cut", async () => {
    const entry = fc.record({
      index: fc.integer({ min: 1, max: 50 }),
      value: fc.float({ noNaN: true, noDefaultInfinity: true }),
    });
    const row = fc.uniqueArray(entry, { maxLength: 5, selector: ({ index }) => index });
    const rows = fc.array(row, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(), async (all, seed) => {
        const sorted = all.map((entries) => entries.toSorted((left, right) => left.index - right.index));
        const line = (entries: (typeof all)[number]): string =>
          `1 ${entries.map(({ index, value }) => `${index}:${Object.is(value, -0) ? "-0" : value}`).join(" ")}\n`;
        const text = sorted.map(line).join("");
        const { train } = await load(gzipSync(text), "1 1:1");
        expect([...sparseInput(train).indices]).toEqual(sorted.flat().map(({ index }) => index - 1));
        expect([...(sparseInput(train).values ?? [])]).toEqual(sorted.flat().map(({ value }) => value));
        const cut = gzipSync(text).subarray(0, 2 + (seed % (gzipSync(text).length - 2)));
        await expect(load(cut, "1 1:1")).rejects.toMatchObject({ code: "data_corrupt" });
        const plain = text.slice(0, seed % text.length);
        const outcome = await load(plain, "1 1:1").catch((error: unknown) => error);
        // A cut between lines, or within a number, cannot be seen; everything else is refused.
        if (isShoalError(outcome)) expect(outcome.code).toBe("data_corrupt");
        else expect((outcome as Dataset).train.count).toBeLessThanOrEqual(all.length);
      }),
      { numRuns: 25 },
    );
  });

  it("are found in the data folder, packed or not, and replaced only where that was asked for", async () => {
    const spec: LibsvmDatasetSpec = { type: "libsvm", file: "nowhere", features: 30 };
    const lines: string[] = [];
    const environment = { cacheFolder: folder, dataFolder: folder, log: (line: string) => lines.push(line) };
    await expect(loadDataset(spec, environment)).rejects.toMatchObject({ code: "data_not_found" });
    const substitute = { samples: 200, testSamples: 50 };
    const generated = await loadDataset({ ...spec, substitute }, environment);
    expect([generated.train.count, generated.test.count]).toEqual([200, 50]);
    expect(sparseInput(generated.train)).toMatchObject({ features: 30, active: 14 });
    const ones = labelTarget(generated.train).values.filter((label) => label === 1).length;
    expect(Math.abs(ones - 100)).toBeLessThan(60);
    expect(lines).toEqual([`using ${generated.source}`]);
    const misspelt = loadDataset({ ...spec, substitute }, { ...environment, dataFolder: join(folder, "none") });
    await expect(misspelt).rejects.toThrow(`the data folder ${join(folder, "none")} does not exist`);
  });

  const shared = process.env["SHOAL_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
  it("read the real a9a where it is at hand", async (context) => {
    if (!existsSync(join(shared, "data", "libsvm"))) context.skip("there is no shared data beside this clone");
    const spec: LibsvmDatasetSpec = { type: "libsvm", file: "a9a", testFile: "a9a.t" };
    const { train, test } = await loadDataset(spec, { cacheFolder: folder, dataFolder: join(shared, "data") });
    expect([train.count, test.count]).toEqual([32_561, 16_281]);
    expect(sparseInput(train)).toMatchObject({ features: 123, active: 14 });
    expect(labelTarget(train).classes).toBe(2);
  });
});

describe("a data set above the memory limit", () => {
  it("leaves nothing behind when it fails in its second pass or the first", async () => {
    await expect(load("1 1:1\n1 x", "1 1:1", {}, 1)).rejects.toMatchObject({ code: "data_corrupt" });
    const left = await readdir(join(folder, "records")).catch(() => []);
    expect(left).toEqual([]);
  });
});
