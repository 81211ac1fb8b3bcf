/** What every storage of a client does, in Node and in pages. */
import type { ClientStorage } from "@shoal/edge-client";
import { expect, it } from "vitest";

/** @param open - the same contents each time, within one test; others in another test */
export function describeClientStorage(open: () => Promise<ClientStorage>): void {
  it("gives back what it was given, and nothing for other names", async () => {
    const storage = await open();
    await storage.set("work/record", Uint8Array.of(1, 2, 3));
    expect([...((await storage.get("work/record")) ?? [])]).toEqual([1, 2, 3]);
    expect(await storage.get("work")).toBeUndefined();
    expect(await storage.get("work/record/1")).toBeUndefined();
  });

  it("keeps the newest content of a name, however long it is", async () => {
    const storage = await open();
    const long = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251);
    await storage.set("work/update", long);
    await storage.set("work/update", Uint8Array.of(7));
    expect([...((await storage.get("work/update")) ?? [])]).toEqual([7]);
    await storage.set("work/update", long);
    const kept = await storage.get("work/update");
    expect(kept?.length).toBe(long.length);
    expect(kept?.every((byte, index) => byte === long[index])).toBe(true);
    await storage.set("work/nothing", new Uint8Array());
    expect((await storage.get("work/nothing"))?.length).toBe(0);
  });

  it("keeps a copy: neither side changes the other's", async () => {
    const storage = await open();
    const memory = Uint8Array.of(9, 1, 2, 9);
    const given = memory.subarray(1, 3);
    await storage.set("work/update", given);
    given.fill(5);
    (await storage.get("work/update"))?.fill(6);
    const kept = await storage.get("work/update");
    expect([...(kept ?? [])]).toEqual([1, 2]);
    expect(kept?.buffer.byteLength).toBe(2);
  });

  it("forgets the names of a prefix, and no others", async () => {
    const storage = await open();
    for (const name of ["work/record", "work/values/0", "work/values/11", "workshop", "carried/unsent"]) {
      await storage.set(name, Uint8Array.of(1));
    }
    await storage.clear("work/values/");
    expect(await storage.get("work/values/11")).toBeUndefined();
    expect(await storage.get("work/record")).toBeDefined();
    await storage.clear("work/");
    expect(await storage.get("work/record")).toBeUndefined();
    expect(await storage.get("workshop")).toBeDefined();
    expect(await storage.get("carried/unsent")).toBeDefined();
    await storage.clear("nobody/");
  });

  it("takes many names at once", async () => {
    const storage = await open();
    const names = Array.from({ length: 40 }, (_, index) => `work/values/${index}`);
    await Promise.all(names.map((name, index) => storage.set(name, Uint8Array.of(index))));
    const kept = await Promise.all(names.map((name) => storage.get(name)));
    expect(kept.map((content) => content?.[0])).toEqual(Array.from(names, (_, index) => index));
  });

  it("holds it for whoever opens it next", async () => {
    await (await open()).set("work/record", Uint8Array.of(4));
    expect([...((await (await open()).get("work/record")) ?? [])]).toEqual([4]);
  });
}
