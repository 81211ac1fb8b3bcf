import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeModelFile } from "./node-kit.ts";

describe("a model file", () => {
  it("is written whole, or the error names it", async () => {
    const runs = mkdtempSync(join(tmpdir(), "shoal-models-"));
    try {
      const file = await writeModelFile(runs, "a-1", new Uint8Array([1, 2]));
      expect([...readFileSync(file)]).toEqual([1, 2]);
      expect(readdirSync(join(runs, "a-1"))).toEqual(["model.safetensors"]);
      writeFileSync(join(runs, "b-1"), "a file in the folder's place");
      await expect(writeModelFile(runs, "b-1", new Uint8Array([1]))).rejects.toMatchObject({
        code: "file_not_writable",
        message: expect.stringContaining("b-1/model.safetensors") as string,
      });
    } finally {
      rmSync(runs, { recursive: true });
    }
  });
});
