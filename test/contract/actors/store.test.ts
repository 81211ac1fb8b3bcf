import { connectNats, createMemoryStore, createNatsKvStore } from "@shoal/actors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { describeStore } from "./store.contract.ts";

let server: NatsServer;
let buckets = 0;

beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describeStore("memory", async () => ({ store: createMemoryStore(), [Symbol.asyncDispose]: async () => undefined }));

describeStore("NATS KV", async () => {
  const connection = await connectNats({ servers: server.address, name: "test" });
  const store = await createNatsKvStore({
    connection,
    bucket: `test-${String(buckets++)}`,
    maximumBytes: 4 * 1024 * 1024,
  });
  return { store, [Symbol.asyncDispose]: () => connection.close() };
});

describe("NATS KV store", () => {
  it("keeps its values while the server is away, and says store_unavailable meanwhile", async () => {
    await using ownServer = await startNatsServer();
    const connection = await connectNats({ servers: ownServer.address, name: "test" });
    const options = { connection, bucket: "durable", timeoutMs: 500 };
    const store = await createNatsKvStore(options);
    const revision = await store.create("jobs/a", "kept");
    await ownServer.kill();
    await expect(store.get("jobs/a")).rejects.toMatchObject({ code: "store_unavailable" });
    await expect(store.update("jobs/a", "new", revision)).rejects.toMatchObject({ code: "store_unavailable" });
    await ownServer.restart();
    const again = await connectNats({ servers: ownServer.address, name: "test" });
    const reopened = await createNatsKvStore({ ...options, connection: again });
    expect(await reopened.get("jobs/a")).toEqual({ value: "kept", revision });
    await Promise.all([connection.close(), again.close()]);
  });

  it("says store_unavailable where the server has no JetStream", async () => {
    await using plain = await startNatsServer({ jetstream: false });
    const connection = await connectNats({ servers: plain.address, name: "test" });
    await expect(createNatsKvStore({ connection, bucket: "any" })).rejects.toMatchObject({ code: "store_unavailable" });
    await connection.close();
  });
});
