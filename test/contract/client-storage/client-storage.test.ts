import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStorage, type ClientStorage } from "@shoal/edge-client";
import { createFolderStorage } from "@shoal/edge-client/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeClientStorage } from "./cases.ts";

describe("a client's storage in memory", () => {
  let storage: ClientStorage;
  beforeEach(() => {
    storage = createMemoryStorage();
  });
  describeClientStorage(async () => storage);
});

describe("a client's storage in a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "shoal-client-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  describeClientStorage(async () => createFolderStorage(join(folder, "made", "when", "needed")));

  it("does not see what a killed process has half written, and clears it away", async () => {
    const storage = createFolderStorage(folder);
    await storage.set("work/record", Uint8Array.of(1));
    writeFileSync(join(folder, "work%record.bin.0123456789ab.part"), "half");
    expect([...((await storage.get("work/record")) ?? [])]).toEqual([1]);
    await storage.clear("work/");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("says what it cannot do", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "not a folder");
    const storage = createFolderStorage(join(file, "below"));
    await expect(storage.set("work/record", Uint8Array.of(1))).rejects.toMatchObject({ code: "store_unavailable" });
  });
});
