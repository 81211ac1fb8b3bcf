import { openIndexedDbStorage } from "@shoal/edge-client";
import { beforeEach, describe, expect, it } from "vitest";
import { describeClientStorage } from "../contract/client-storage/cases.ts";

describe("a client's storage in IndexedDB", () => {
  let tests = 0;
  beforeEach(() => {
    tests += 1;
  });
  describeClientStorage(() => openIndexedDbStorage(`shoal test ${tests}`));

  it("refuses when its database is taken away, and holds nobody up", async () => {
    const storage = await openIndexedDbStorage("shoal gone");
    const deleting = indexedDB.deleteDatabase("shoal gone");
    await new Promise((resolve, reject) => {
      deleting.onsuccess = resolve;
      deleting.onblocked = reject;
    });
    await expect(storage.set("work/record", Uint8Array.of(1))).rejects.toThrow();
  });
});
