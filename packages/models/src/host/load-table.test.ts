import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { denseInput, labelTarget, numberTarget } from "../../../../test/support/columns.ts";
import type { Dataset } from "../data/dataset.ts";
import type { CsvDatasetSpec, TableDatasetSpec } from "../data/table-spec.ts";
import { loadDataset } from "./load-dataset.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-table-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(
  spec: TableDatasetSpec,
  content: string | Uint8Array,
  testContent?: string | Uint8Array,
): Promise<Dataset> {
  await writeFile(join(folder, spec.file), content);
  if (testContent !== undefined) await writeFile(join(folder, "test"), testContent);
  const named = testContent === undefined ? spec : { ...spec, testFile: "test" };
  return await loadDataset(named, { cacheFolder: folder, baseFolder: folder });
}

function csv(text: string, given: Partial<CsvDatasetSpec> = {}, testText?: string): Promise<Dataset> {
  return load({ type: "csv", file: "data.csv", labelColumn: "y", ...given }, text, testText);
}

const plain = { normalisation: "none" } as const;

describe("CSV data sets", () => {
  it("number classes in sorted order and keep the columns beside the label", async () => {
    const { train, test } = await csv("a,y,b\n1,dog,2\n3,cat,4\n", plain, "a,y,b\n5,eel,6\n");
    expect([labelTarget(train).classes, denseInput(train).width]).toEqual([3, 2]);
    expect([...denseInput(train).values]).toEqual([1, 2, 3, 4]);
    expect([...labelTarget(train).values]).toEqual([1, 0]);
    expect([...labelTarget(test).values]).toEqual([2]);
  });

  it("sort labels that are numbers as numbers", async () => {
    const { train, preprocessing } = await csv("y,a\n10,0\n9,0\n-1,0\n", plain, "y,a\n9,0\n");
    expect([...labelTarget(train).values]).toEqual([2, 1, 0]);
    expect(preprocessing?.targets).toEqual({ output: { kind: "classes", column: "y", names: ["-1", "9", "10"] } });
  });

  it("read files without a header by index, and numbers to predict", async () => {
    const given = { ...plain, hasHeader: false, labelColumn: 2, labelKind: "number" } as const;
    const { train } = await csv("1,2,0.5\n3,4,1.5\n", given, "1,1,1");
    expect([...numberTarget(train)]).toEqual([0.5, 1.5]);
  });

  it("keep every tenth row for testing when there is no test file", async () => {
    const rows = Array.from({ length: 25 }, (_, row) => `${row},${row % 2}`).join("\n");
    const { train, test } = await csv(`a,y\n${rows}`, plain);
    expect([...denseInput(test).values]).toEqual([9, 19]);
    expect(train.count).toBe(23);
    await expect(csv("a,y\n1,0\n", plain)).rejects.toThrow("expected at least 10 rows");
  });

  it("scale columns to mean 0 and deviation 1 over the training rows, and say how", async () => {
    const { train, test, preprocessing } = await csv("a,c,y\n1,5,0\n3,5,1\n", {}, "a,c,y\n5,6,0\n");
    expect([...denseInput(train).values]).toEqual([-1, 0, 1, 0]);
    expect([...denseInput(test).values]).toEqual([3, 1]);
    expect(preprocessing?.inputs).toEqual({
      input: {
        kind: "columns",
        columns: [
          { kind: "number", column: "a", width: 1, mean: [2], deviation: [1] },
          { kind: "number", column: "c", width: 1, mean: [5], deviation: [1] },
        ],
      },
    });
  });

  it("choose columns for several inputs and targets, and spread categories out", async () => {
    const { labelColumn: _, ...bare }: CsvDatasetSpec = { type: "csv", file: "several.csv", labelColumn: 0, ...plain };
    const spec: CsvDatasetSpec = {
      ...bare,
      inputs: { left: ["b", "city"], right: [0] },
      targets: { price: { columns: ["p", "q"], kind: "number" }, kind: { columns: ["k"], kind: "class" } },
      categories: ["city"],
    };
    const text = "a,b,city,p,q,k\n1,2,Rom,3,4,x\n5,6,Bonn,7,8,y\n";
    const { train, test } = await load(spec, text, "a,b,city,p,q,k\n1,2,Oslo,3,4,y\n");
    expect(train.inputs).toMatchObject({
      left: { width: 3, values: Float32Array.of(2, 0, 1, 6, 1, 0) },
      right: { width: 1, values: Float32Array.of(1, 5) },
    });
    expect(train.targets).toMatchObject({
      price: { width: 2, values: Float32Array.of(3, 4, 7, 8) },
      kind: { classes: 2, values: Int32Array.of(0, 1) },
    });
    expect(test.inputs).toMatchObject({ left: { values: Float32Array.of(2, 0, 0) } });
  });

  it.each([
    ["a,b\n1,2\n", "there is no label column y; the columns are a, b (line 1)"],
    ["a,y\n1,2,3\n", "expected 2 fields, found 3 (line 2)"],
    ["a,y\n1,0\nx,1\n", 'column a: expected a number, got "x" (line 3)'],
    ["a,y\n1,0\nNaN,1\n", 'column a: expected a number, got "NaN" (line 3)'],
    ["a,y\n,0\n", 'column a: expected a number, got "" (line 2)'],
    ["a,y\n1,0\n2,\n", "column y: expected a class, got nothing (line 3)"],
    ["y\n1\n", "expected at least one column beside the label (line 1)"],
    ["a,a,y\n1,1,1\n", "two columns are called a (line 1)"],
    ["a,y\n", "the file has no rows (line 1)"],
    ["", "the file has no rows (line 1)"],
  ])("tell file and line of %j", async (text, sentence) => {
    await expect(csv(text)).rejects.toThrow(`[data_corrupt] ${join(folder, "data.csv")}: ${sentence}`);
  });

  it("refuse a test file with other columns", async () => {
    await expect(csv("a,y\n1,0\n", plain, "a,b,y\n1,2,0\n")).rejects.toThrow("expected 2 columns as in the first file");
    await expect(csv("a,y\n1,0\n", plain, "b,y\n2,0\n")).rejects.toThrow("expected a as in the first file, found b");
  });

  it("tell the byte that is not UTF-8, and where packed data is cut", async () => {
    const bytes = Uint8Array.of(0x61, 0x2c, 0x79, 0x0a, 0xc3, 0x28, 0x2c, 0x31, 0x0a);
    await expect(load({ type: "csv", file: "wrong.csv", labelColumn: "y" }, bytes)).rejects.toMatchObject({
      code: "data_corrupt",
      details: { position: 5 },
    });
    const packed = gzipSync(`a,y\n${"1,2\n".repeat(5_000)}`);
    const whole = await load({ type: "csv", file: "packed.csv", labelColumn: "y" }, packed);
    expect(whole.train.count).toBe(4_500);
    const cut = load({ type: "csv", file: "cut.csv", labelColumn: "y" }, packed.subarray(0, packed.length - 9));
    await expect(cut).rejects.toMatchObject({ code: "data_corrupt", message: expect.stringContaining("gzip data") });
  });
});

const jsonLines = { type: "jsonl", file: "data.jsonl", labelColumn: "y", ...plain } as const;

describe("JSON lines", () => {
  it("read numbers, lists of numbers and classes", async () => {
    const text = '{"x":[1,2],"y":"no","z":true}\n\n{"z":false,"y":"yes","x":[3,4]}\r\n';
    const { train, test } = await load(jsonLines, text, '{"x":[5,6],"y":"no","z":1}');
    expect([...denseInput(train).values]).toEqual([1, 2, 1, 3, 4, 0]);
    expect([...labelTarget(train).values]).toEqual([0, 1]);
    expect([...denseInput(test).values]).toEqual([5, 6, 1]);
  });

  it.each([
    ['{"x":1,"y":1}\n{"x":1', "this is not JSON", 2, 14],
    ["[1]\n", "expected a JSON object", 1, 0],
    ["", "the file has no rows", 1, 0],
  ])("tell line and byte of %j", async (text, sentence, line, position) => {
    await expect(load(jsonLines, text)).rejects.toMatchObject({
      code: "data_corrupt",
      message: expect.stringContaining(sentence),
      details: { file: join(folder, "data.jsonl"), line, position },
    });
  });

  it.each([
    ['{"x":1,"y":1}\n{"x":[1,2],"y":1}\n', "column x: expected a number, got [1,2] (line 2)"],
    ['{"x":[1,2],"y":1}\n{"y":1}\n', "column x: expected 2 numbers, got null (line 2)"],
    ['{"x":[],"y":1}\n', "column x: expected a number, got [] (line 1)"],
    ['{"x":1e400,"y":1}\n', "column x: expected a number, got Infinity (line 1)"],
    ['{"x":1,"y":1}\n{"y":1}\n', "column x: expected a number, got null (line 2)"],
    ['{"x":{"a":1},"y":1}\n', "column x: expected a number, got null (line 1)"],
    ['{"x":1}\n', "there is no label column y; the columns are x (line 1)"],
  ])("tell the column of %j", async (text, sentence) => {
    await expect(load(jsonLines, text)).rejects.toThrow(sentence);
  });
});

describe("Parquet files", () => {
  const rows = 30;
  const bytes = (codec: "SNAPPY" | "UNCOMPRESSED" | "GZIP"): Uint8Array => {
    const list = (make: (row: number) => unknown): unknown[] => Array.from({ length: rows }, (_, row) => make(row));
    return new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: "x", data: list((row) => row / 2), type: "DOUBLE" },
          { name: "n", data: list((row) => row), type: "INT32" },
          { name: "y", data: list((row) => (row % 3 === 0 ? "low" : "high")), type: "STRING" },
        ],
        codec,
        rowGroupSize: 7,
      }),
    );
  };
  const parquet = { type: "parquet", file: "data.parquet", labelColumn: "y", ...plain } as const;

  it("are read over all row groups", async () => {
    const { train, test } = await load(parquet, bytes("SNAPPY"));
    expect([train.count, test.count]).toEqual([27, 3]);
    expect([...denseInput(test).values]).toEqual([4.5, 9, 9.5, 19, 14.5, 29]);
    expect([...labelTarget(test).values]).toEqual([1, 0, 0]);
    const plainPages = await load(parquet, bytes("UNCOMPRESSED"));
    expect(plainPages.train).toEqual(train);
  });

  it("give data_corrupt wherever they are cut", async () => {
    const whole = bytes("SNAPPY");
    for (let end = 0; end < whole.length; end += 37) {
      await expect(load(parquet, whole.subarray(0, end))).rejects.toMatchObject({
        code: "data_corrupt",
        message: expect.stringContaining("data.parquet"),
      });
    }
  });

  it("say so when they are empty", async () => {
    await expect(load(parquet, new Uint8Array())).rejects.toThrow("0 bytes are too short for a Parquet file (row 0)");
  });

  it("name the columns that there are", async () => {
    await expect(load({ ...parquet, labelColumn: "label" }, bytes("SNAPPY"))).rejects.toThrow(
      "there is no label column label; the columns are x, n, y (row 0)",
    );
  });
});
