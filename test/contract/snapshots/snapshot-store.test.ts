/** Every place of snapshots keeps the same promises. */
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectNats } from "@shoal/actors";
import { sourceOf, type SnapshotStore } from "@shoal/protocol";
import { afterAll, describe, expect, it } from "vitest";
import { createFolderStore } from "../../../packages/shoal/src/snapshots/folder-store.ts";
import { createNatsSnapshotStore } from "../../../packages/shoal/src/snapshots/nats-store.ts";
import { openSnapshotStore } from "../../../packages/shoal/src/snapshots/open-store.ts";
import { createS3Store } from "../../../packages/shoal/src/snapshots/s3-store.ts";
import { findNatsServer, startNatsServer } from "../../support/nats-server.ts";
import { s3Key, startS3Server } from "../../support/s3-server.ts";

const closing: (() => PromiseLike<void> | void)[] = [];
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "shoal-store-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function onS3(): Promise<SnapshotStore> {
  const server = await startS3Server();
  closing.push(() => server.close());
  return createS3Store({ ...s3Key, endpoint: server.endpoint, region: "eu-central-1", prefix: "team/" });
}

async function onNats(): Promise<SnapshotStore> {
  const server = await startNatsServer();
  closing.push(() => server[Symbol.asyncDispose]());
  const connection = await connectNats({ servers: server.address, name: "test" });
  closing.push(() => connection.close());
  return createNatsSnapshotStore(connection, "snapshots");
}

const places: readonly (readonly [string, boolean, () => SnapshotStore | Promise<SnapshotStore>])[] = [
  ["a folder", true, () => createFolderStore(newFolder())],
  ["a NATS object store (nats-server)", findNatsServer() !== undefined, onNats],
  ["S3 (a server of the test's own, which checks signatures)", true, onS3],
];

const large = Uint8Array.from({ length: 3_000_001 }, (_, index) => (index * 31) & 255);

describe.each(places.filter(([, isThere]) => isThere))("snapshots in %s", (_place, _isThere, open) => {
  const opened = Promise.resolve().then(open);

  it("are read as they were written, and replaced whole", async () => {
    const store = await opened;
    expect(await store.read("run/snapshots/a/shard-0")).toBeUndefined();
    const source = sourceOf(large);
    source.next(10);
    await store.write("run/snapshots/a/shard-0", source);
    // A comparison of arrays of this length element by element would take seconds.
    expect(Buffer.compare(Buffer.from((await store.read("run/snapshots/a/shard-0")) ?? []), Buffer.from(large))).toBe(
      0,
    );
    await store.write("run/snapshots/a/shard-0", sourceOf(new Uint8Array([1, 2, 3])));
    expect([...((await store.read("run/snapshots/a/shard-0")) ?? [])]).toEqual([1, 2, 3]);
  });

  it("are listed by prefix with their sizes, and removed", async () => {
    const store = await opened;
    for (const name of ["list/snapshots/a/x", "list/snapshots/b/y", "other/snapshots/a/z"]) {
      await store.write(name, sourceOf(new Uint8Array(name.length)));
    }
    const names = async (prefix: string) => (await store.list(prefix)).toSorted((a, b) => a.name.localeCompare(b.name));
    expect(await names("list/snapshots/")).toEqual([
      { name: "list/snapshots/a/x", bytes: 18 },
      { name: "list/snapshots/b/y", bytes: 18 },
    ]);
    for (let times = 0; times < 2; times += 1) await store.remove("list/snapshots/a/x");
    expect((await names("list/snapshots/")).map(({ name }) => name)).toEqual(["list/snapshots/b/y"]);
    expect((await names("")).map(({ name }) => name)).toContain("other/snapshots/a/z");
  });

  it("have a pointer that only one of two writers changes", async () => {
    const store = await opened;
    const name = "point/snapshots/latest";
    expect(await store.readPointer(name)).toBeUndefined();
    await store.writePointer(name, "one", null);
    await expect(store.writePointer(name, "two", null)).rejects.toMatchObject({ code: "store_conflict" });
    const first = await store.readPointer(name);
    expect(first?.text).toBe("one");
    const outcomes = await Promise.allSettled(
      ["two", "three"].map((text) => store.writePointer(name, text, first?.revision ?? null)),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const second = await store.readPointer(name);
    expect(["two", "three"]).toContain(second?.text);
    await expect(store.writePointer(name, "four", first?.revision ?? null)).rejects.toMatchObject({
      code: "store_conflict",
    });
  });
});

describe("a place that does not take a snapshot", () => {
  it.skipIf(process.getuid?.() === 0)("names the folder that is forbidden", async () => {
    const folder = newFolder();
    chmodSync(folder, 0o500);
    const writing = createFolderStore(folder).write("run/snapshots/a/x", sourceOf(large));
    await expect(writing).rejects.toMatchObject({ code: "store_unavailable" });
    await expect(writing).rejects.toThrow(folder);
  });

  it("leaves nothing of what could not be written whole", async () => {
    const folder = newFolder();
    const store = createFolderStore(folder);
    let parts = 0;
    const broken = {
      ...sourceOf(large),
      next: () => (++parts > 1 ? fail() : new Uint8Array(1000)),
      rewind: () => undefined,
    };
    await expect(store.write("run/snapshots/a/x", broken)).rejects.toMatchObject({ code: "store_unavailable" });
    expect(await store.list("")).toEqual([]);
    expect(readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())).toEqual([]);
  });

  it("is named where a file stands in the folder's place", async () => {
    const file = join(newFolder(), "file");
    writeFileSync(file, "");
    const writing = createFolderStore(file).write("run/snapshots/a/x", sourceOf(large));
    await expect(writing).rejects.toMatchObject({ code: "store_unavailable" });
  });

  it("says what S3 answered: busy, a wrong key, nobody there", async () => {
    const server = await startS3Server();
    const options = { ...s3Key, endpoint: server.endpoint, region: "eu-central-1", prefix: "" };
    server.failures.push(503);
    await expect(createS3Store(options).read("a")).rejects.toMatchObject({ code: "store_unavailable" });
    const stranger = createS3Store({ ...options, secretAccessKey: "a wrong secret" });
    await expect(stranger.write("a", sourceOf(large))).rejects.toThrow(/403|Signature/);
    expect(server.objects.size).toBe(0);
    await server.close();
    await expect(createS3Store(options).list("")).rejects.toMatchObject({ code: "store_unavailable" });
  });

  it("is refused by its name when it lacks what it needs", () => {
    const open = (place: string, more: Record<string, string> = {}) =>
      openSnapshotStore({ runsFolder: "/r", nats: undefined, environment: { SHOAL_SNAPSHOTS: place, ...more } });
    expect(open("").place).toBe("folder /r");
    expect(open("/tmp/elsewhere").place).toBe("folder /tmp/elsewhere");
    expect(() => open("nats:bucket")).toThrow(/need a cluster/);
    expect(() => open("nats:no spaces")).toThrow(/expected a bucket/);
    expect(() => open("s3://bucket/a")).toThrow(/AWS_ACCESS_KEY_ID/);
    const key = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_REGION: "eu-west-1" };
    expect(open("s3://bucket/a/b", key).place).toBe("https://s3.eu-west-1.amazonaws.com/bucket/a/b");
  });
});

function fail(): never {
  throw new Error("the disk is full");
}
