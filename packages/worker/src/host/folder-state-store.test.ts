import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemoryStateStore } from "../saved/state-store.ts";
import { createFolderStateStore } from "./folder-state-store.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shoal-states-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a store of saved states", () => {
  it.each([
    ["memory", createMemoryStateStore],
    ["a folder", () => createFolderStateStore(folder)],
  ])("in %s keeps the newest of each run and worker, until it is removed", async (_name, create) => {
    const store = create();
    expect(await store.load("run-1", "worker-1")).toBeUndefined();
    await store.save("run-1", "worker-1", Uint8Array.of(1));
    await store.save("run-1", "worker-2", Uint8Array.of(2));
    await store.save("run-1", "worker-1", Uint8Array.of(3, 4));
    expect([...((await store.load("run-1", "worker-1")) ?? [])]).toEqual([3, 4]);
    await store.remove("run-1", "worker-1");
    await store.remove("run-1", "worker-1");
    expect(await store.load("run-1", "worker-1")).toBeUndefined();
    expect([...((await store.load("run-1", "worker-2")) ?? [])]).toEqual([2]);
  });

  it("writes files whole, or says which it could not", async () => {
    const store = createFolderStateStore(folder);
    await store.save("run-1", "worker-1", Uint8Array.of(1));
    expect(readdirSync(join(folder, "run-1"))).toEqual(["worker-1.state"]);
    writeFileSync(join(folder, "run-2"), "a file in the folder's place");
    await expect(store.save("run-2", "worker-1", Uint8Array.of(1))).rejects.toMatchObject({
      code: "file_not_writable",
      message: expect.stringContaining(join("run-2", "worker-1.state")) as string,
    });
    await expect(store.save("..", "worker-1", Uint8Array.of(1))).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
