import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { denseInput } from "../../../../test/support/columns.ts";
import { applyToSparse, applyToTable } from "../data/apply-preprocessing.ts";
import type { DatasetSpec } from "../data/dataset-spec.ts";
import { generateDigits } from "../data/digits.ts";
import type { Preprocessing } from "../data/preprocessing.ts";
import { decodePreprocessing, encodePreprocessing } from "../data/preprocessing-file.ts";
import { loadDataset } from "./load-dataset.ts";
import { loadRows } from "./load-rows.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-rows-"));
  await writeFile(join(folder, "train.csv"), `size;city;price\n${"1;Rom;10\n3;Bonn;20\n".repeat(10)}`);
  await writeFile(join(folder, "new.csv"), "city;size\nBonn;5\nOslo;1\n");
  await writeFile(join(folder, "new.jsonl"), '{"size":5,"city":"Bonn"}\n{"size":"1","city":"Oslo"}');
  await writeFile(join(folder, "rows"), "1 1:1 3:1\n-1 2:1\n".repeat(10));
  await writeFile(join(folder, "more"), "1 1:2 2:3 3:4\n");
});
afterAll(() => rm(folder, { recursive: true }));

/** As it comes out of a model file. */
async function fitted(spec: DatasetSpec): Promise<Preprocessing> {
  const { preprocessing } = await loadDataset(spec, { cacheFolder: folder, baseFolder: folder });
  if (preprocessing === undefined) throw new Error("nothing was fitted");
  return decodePreprocessing(encodePreprocessing(preprocessing));
}

const table = (): Promise<Preprocessing> =>
  fitted({
    type: "csv",
    file: "train.csv",
    testFile: "train.csv",
    labelColumn: "price",
    labelKind: "number",
    delimiter: ";",
    categories: ["city"],
  });
const load = (preprocessing: Preprocessing, file: string): ReturnType<typeof loadRows> =>
  loadRows(preprocessing, join(folder, file), { cacheFolder: folder });

describe("raw rows for a trained model", () => {
  it("are encoded as its training rows were, whatever their format and order of columns", async () => {
    const preprocessing = await table();
    const expected = { input: { width: 3, values: Float32Array.of(3, 1, 0, -1, 0, 0) } };
    expect((await load(preprocessing, "new.csv")).inputs).toMatchObject(expected);
    expect((await load(preprocessing, "new.jsonl")).inputs).toMatchObject(expected);
    const rows = [
      { size: 5, city: "Bonn" },
      { size: 1, city: "Oslo" },
    ];
    const { inputs, targets } = applyToTable(preprocessing, rows);
    expect(inputs).toMatchObject(expected);
    expect(targets).toEqual({});
    const judged = applyToTable(preprocessing, [{ size: 5, city: "Bonn", price: 7 }]);
    expect(judged.targets).toMatchObject({ output: { values: Float32Array.of(7) } });
    expect(() => applyToTable(preprocessing, [{ size: "x", city: "Rom" }])).toThrow(
      'expected a number, got "x" (row 0)',
    );
  });

  it("may be sparse, and longer than those of the training", async () => {
    const preprocessing = await fitted({ type: "libsvm", file: "rows" });
    const { inputs, targets } = await load(preprocessing, "more");
    expect(inputs).toMatchObject({ input: { active: 3, values: Float32Array.of(2, 3, 4) } });
    expect(targets).toMatchObject({ output: { values: Int32Array.of(1) } });
    const { inputs: given } = applyToSparse(preprocessing, [{ indices: [0, 1, 2], values: [2, 3, 4] }]);
    expect(given).toEqual(inputs);
    expect(() => applyToSparse(preprocessing, [{ indices: [3], values: [1] }])).toThrow(
      "ascending features from 0 to 2",
    );
  });

  it("are images in IDX files for a model of generated digits, scaled as those were", async () => {
    const preprocessing = await fitted({ type: "digits", samples: 1, testSamples: 1, seed: 1 });
    const header = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28];
    await writeFile(join(folder, "digit"), Uint8Array.from([...header, ...new Array<number>(784).fill(87)]));
    const { inputs } = await load(preprocessing, "digit");
    const { scale, shift } = denseInput(generateDigits({ samples: 1, testSamples: 1 }).train);
    expect(inputs).toMatchObject({ input: { width: 784, scale, shift } });
    expect(preprocessing.targets["output"]).toMatchObject({ names: "0123456789".split("") });
  });

  it("are refused when they are not what the model takes", async () => {
    const preprocessing = await table();
    await expect(load(preprocessing, "rows")).rejects.toThrow("there is no column size");
    const text = await fitted({ type: "text", file: "rows", tokens: "characters", length: 4 });
    await expect(load(text, "new.csv")).rejects.toThrow("the model continues a text");
    await expect(load(await fitted({ type: "libsvm", file: "rows" }), "new.csv")).rejects.toMatchObject({
      code: "invalid_argument",
    });
    expect(() => decodePreprocessing("{}")).toThrow(expect.objectContaining({ code: "data_corrupt" }));
  });
});
