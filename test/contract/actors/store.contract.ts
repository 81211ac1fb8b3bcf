/** What every state store must do. Each test runs against every implementation. */
import { maximumValueBytes, type StateStore, type StoreChange } from "@shoal/actors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";

export interface StoreFixture extends AsyncDisposable {
  readonly store: StateStore;
}

export function describeStore(name: string, openFixture: () => Promise<StoreFixture>): void {
  describe(`store contract: ${name}`, () => {
    let fixture: StoreFixture;
    let store: StateStore;

    beforeEach(async () => {
      fixture = await openFixture();
      store = fixture.store;
    });
    afterEach(async () => {
      await fixture[Symbol.asyncDispose]();
    });

    it("gives back what was created, with its revision", async () => {
      const value = {
        phase: "running",
        steps: 12,
        shards: [{ begin: 0, end: 10 }],
        none: null,
        blob: new Uint8Array([7]),
      };
      const revision = await store.create("jobs/mnist", value);
      expect(await store.get("jobs/mnist")).toEqual({ value, revision });
      expect(await store.get("jobs/other")).toBeUndefined();
    });

    it("shares no object with its callers", async () => {
      const value = { list: [1] };
      await store.create("a", value);
      value.list.push(2);
      const first = await store.get("a");
      (first as { value: typeof value }).value.list.push(3);
      expect((await store.get("a"))?.value).toEqual({ list: [1] });
    });

    it("refuses to create a key twice", async () => {
      await store.create("a", 1);
      await expect(store.create("a", 2)).rejects.toMatchObject({ code: "store_conflict", details: { key: "a" } });
      expect((await store.get("a"))?.value).toBe(1);
    });

    it("updates only from the expected revision", async () => {
      const first = await store.create("a", 1);
      const second = await store.update("a", 2, first);
      expect(second).toBeGreaterThan(first);
      await expect(store.update("a", 3, first)).rejects.toMatchObject({ code: "store_conflict" });
      await expect(store.update("a", 3, 0)).rejects.toMatchObject({ code: "store_conflict" });
      await expect(store.update("b", 3, first)).rejects.toMatchObject({ code: "store_conflict" });
      expect(await store.get("a")).toEqual({ value: 2, revision: second });
      expect(await store.get("b")).toBeUndefined();
    });

    it("lets exactly one of several concurrent writers win", async () => {
      const revision = await store.create("a", 0);
      const writers = Array.from({ length: 8 }, (_, writer) => store.update("a", writer + 1, revision));
      const outcomes = await Promise.allSettled(writers);
      const won = outcomes.flatMap((outcome, writer) => (outcome.status === "fulfilled" ? [writer + 1] : []));
      expect(won).toHaveLength(1);
      expect((await store.get("a"))?.value).toBe(won[0]);
    });

    it("deletes only from the expected revision, and a key can be created again", async () => {
      const first = await store.create("a", 1);
      const second = await store.update("a", 2, first);
      await expect(store.delete("a", first)).rejects.toMatchObject({ code: "store_conflict" });
      await store.delete("a", second);
      expect(await store.get("a")).toBeUndefined();
      await expect(store.delete("a", second)).rejects.toMatchObject({ code: "store_conflict" });
      await expect(store.update("a", 3, second)).rejects.toMatchObject({ code: "store_conflict" });
      expect(await store.create("a", 4)).toBeGreaterThan(second);
    });

    it("lists the keys of a prefix, sorted", async () => {
      const keys = ["jobs/b", "jobs/a", "jobs/a/runs/1", "jobsx/c", "leases/a"];
      for (const key of keys) await store.create(key, key);
      const revision = await store.create("jobs/gone", 1);
      await store.delete("jobs/gone", revision);
      expect(await store.keys("jobs/")).toEqual(["jobs/a", "jobs/a/runs/1", "jobs/b"]);
      expect(await store.keys("jobs/a")).toEqual(["jobs/a", "jobs/a/runs/1"]);
      expect(await store.keys("")).toEqual([...keys].toSorted());
      expect(await store.keys("none/")).toEqual([]);
    });

    it("takes keys of any characters", async () => {
      const keys = ["a b", "ünïcode/漢", "dots.and/..", "=41", "*", ">", "%2f", "A/a", "-_"];
      for (const key of keys) await store.create(key, key);
      for (const key of keys) expect((await store.get(key))?.value).toBe(key);
      expect(await store.keys("")).toEqual([...keys].toSorted());
    });

    it("refuses malformed keys and values that are too large or no data", async () => {
      for (const key of ["", "/a", "a/", "a//b", "x".repeat(257)]) {
        await expect(store.get(key)).rejects.toMatchObject({ code: "invalid_argument" });
        await expect(store.create(key, 1)).rejects.toMatchObject({ code: "invalid_argument" });
      }
      const large = new Uint8Array(maximumValueBytes);
      await expect(store.create("a", large)).rejects.toMatchObject({ code: "payload_too_large" });
      await expect(store.create("a", () => 1)).rejects.toMatchObject({ code: "codec_failed" });
      await store.create("a", large.subarray(8));
    });

    it("reports changes under a prefix to a watcher until it stops", async () => {
      const before = await store.create("jobs/a", 0);
      const changes: StoreChange[] = [];
      const watch = await store.watch("jobs/", (change) => {
        changes.push(change);
      });
      const first = await store.update("jobs/a", 1, before);
      await store.create("leases/a", 1);
      await eventually("the update is reported", () => changes.length === 1);
      await store.delete("jobs/a", first);
      await eventually("the deletion is reported", () => changes.length === 2);
      expect(changes).toEqual([
        { key: "jobs/a", entry: { value: 1, revision: first } },
        { key: "jobs/a", entry: undefined },
      ]);
      watch.stop();
      await store.create("jobs/b", 1);
      await store.get("jobs/b");
      expect(changes).toHaveLength(2);
    });
  });
}
