import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Column, WindowColumn } from "../data/column.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { TextDatasetSpec } from "../data/text-spec.ts";
import { createTokenizer } from "../data/tokenizer.ts";
import { loadDataset } from "./load-dataset.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-text-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(content: string | Uint8Array, given: Partial<TextDatasetSpec> = {}): Promise<Dataset> {
  await writeFile(join(folder, "text"), content);
  const spec: TextDatasetSpec = { type: "text", file: "text", tokens: "characters", length: 4, ...given };
  return await loadDataset(spec, { cacheFolder: folder, baseFolder: folder });
}

function windows(column: Column | undefined): WindowColumn {
  if (column?.kind !== "windows") throw new Error("expected windows");
  return column;
}
const tokensOf = ({ inputs }: Split): readonly number[] => [...windows(inputs["input"]).tokens];

describe("text data sets", () => {
  it("number the characters of the whole text and keep its end for testing", async () => {
    const { train, test, preprocessing, source } = await load("abcab😀abcabcabcabcz".repeat(2), { testShare: 0.25 });
    expect(preprocessing?.inputs).toMatchObject({
      input: { kind: "tokens", scheme: "characters", length: 4, vocabulary: 5, characters: ["a", "b", "c", "z", "😀"] },
    });
    expect(tokensOf(train).slice(0, 7)).toEqual([0, 1, 2, 0, 1, 4, 0]);
    expect(tokensOf(train)).toHaveLength(28);
    expect(train.count).toBe(6);
    expect(test.count).toBe(2);
    expect(windows(train.targets["output"])).toMatchObject({ begin: 1, length: 4, stride: 4, vocabulary: 5 });
    expect(source).toContain("38 tokens of 5: characters");
  });

  it("overlap training windows by the stride, never those for testing", async () => {
    const { train, test } = await load("0123456789".repeat(10), { stride: 1 });
    expect([train.count, test.count]).toEqual([86, 2]);
  });

  it("take bytes and byte pairs of a vocabulary that comes along", async () => {
    const text = `${"The quick brown fox jumps over the lazy dog. Größe!\n".repeat(40)}`;
    const bytes = await load(gzipSync(text), { tokens: "bytes" });
    expect(tokensOf(bytes.train).slice(0, 3)).toEqual([84, 104, 101]);
    for (const tokens of ["r50k", "cl100k"] as const) {
      const { train, test } = await load(text, { tokens });
      const tokenizer = await createTokenizer({ scheme: tokens });
      // Cut into parts or not, the tokens are the same.
      expect([...tokensOf(train), ...tokensOf(test)]).toEqual(tokenizer.encode(text));
      expect(tokenizer.decode([...tokensOf(train), ...tokensOf(test)])).toBe(text);
      expect(windows(train.inputs["input"]).vocabulary).toBe(tokens === "r50k" ? 50_257 : 100_277);
    }
  });

  it("say what is wrong with a file", async () => {
    await expect(load("abc")).rejects.toThrow(
      "2 tokens for training are too few for a window of 4 and its next tokens",
    );
    await expect(load("")).rejects.toMatchObject({ code: "data_corrupt" });
    await expect(load(Uint8Array.of(0x61, 0x62, 0xe2, 0x82))).rejects.toMatchObject({
      code: "data_corrupt",
      message: expect.stringContaining("the text is not UTF-8"),
    });
    const packed = gzipSync("hello world ".repeat(1_000));
    await expect(load(packed.subarray(0, packed.length - 3))).rejects.toThrow("the gzip data cannot be unpacked");
    const missing: TextDatasetSpec = { type: "text", file: "none", tokens: "bytes", length: 4 };
    await expect(loadDataset(missing, { cacheFolder: folder })).rejects.toMatchObject({ code: "data_not_found" });
    const { train } = await loadDataset({ ...missing, substitute: true }, { cacheFolder: folder });
    expect(train.count).toBeGreaterThan(10_000);
  });
});
