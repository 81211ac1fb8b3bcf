import { beforeEach, describe, expect, it } from "vitest";
import { describeClientStorage } from "../../../../test/contract/client-storage/cases.ts";
import { createMemoryStorage, type ClientStorage } from "./client-storage.ts";
import { createStorageFolder } from "./storage-folder.ts";

describe("a folder of a client's storage", () => {
  let whole: ClientStorage;
  beforeEach(() => {
    whole = createMemoryStorage();
  });
  describeClientStorage(async () => createStorageFolder(whole, "c-1"));

  it("has names of its own, and forgets no others", async () => {
    await whole.set("key", Uint8Array.of(1));
    const [one, other] = [createStorageFolder(whole, "c-1"), createStorageFolder(whole, "c-2")];
    await one.set("work/record", Uint8Array.of(2));
    expect(await other.get("work/record")).toBeUndefined();
    await other.clear("");
    expect(await one.get("work/record")).toEqual(Uint8Array.of(2));
    await one.clear("");
    expect(await one.get("work/record")).toBeUndefined();
    expect(await whole.get("key")).toEqual(Uint8Array.of(1));
  });
});
