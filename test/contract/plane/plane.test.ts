/** The federated plane, in process and over a real nats-server, by TCP and by WebSocket: one contract. */
import { connectNats, createSystemRandom, systemClock } from "@shoal/actors";
import { createNatsAggregatorPlane } from "@shoal/aggregator";
import { createLinkPlane, createNatsClientPlane, openNatsLink } from "@shoal/edge-client";
import { isShoalError, ShoalError } from "@shoal/errors";
import {
  createInProcessPlane,
  inboxPrefix,
  mostChunkBytes,
  type AggregatorPlane,
  type ClientNotice,
  type ClientPlane,
  type TaskAddress,
} from "@shoal/federated";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startNatsServer, type NatsServer } from "../../support/nats-server.ts";

interface PlaneScene extends AsyncDisposable {
  readonly aggregator: AggregatorPlane;
  connect(client: string): Promise<ClientPlane>;
}

let server: NatsServer;
let tasks = 0;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false, websocket: true });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function inProcess(): Promise<PlaneScene> {
  const plane = createInProcessPlane({ clock: systemClock });
  return {
    aggregator: plane.aggregator,
    connect: async (client) => plane.connect(client),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

type Connect = (client: string, address: TaskAddress) => Promise<ClientPlane>;

const overTcp: Connect = async (client, address) => {
  const options = { servers: server.address, name: client, inboxPrefix: inboxPrefix(client) };
  return createNatsClientPlane({ connection: await connectNats(options), address, client });
};

const overWebSocket: Connect = async (client, address) => {
  const link = await openNatsLink({
    line: { url: server.websocket, name: client, inboxPrefix: inboxPrefix(client) },
    ...{ clock: systemClock, random: createSystemRandom(), onLoginRefused: () => undefined },
  });
  return createLinkPlane(link, address, client);
};

const overNats = (connect: Connect) => async (): Promise<PlaneScene> => {
  const address: TaskAddress = { cluster: "test", task: `task-${String(tasks++)}` };
  const owned = new AsyncDisposableStack();
  const connection = await connectNats({ servers: server.address, name: "aggregator" });
  owned.defer(() => connection.close());
  return {
    aggregator: createNatsAggregatorPlane(connection, address),
    async connect(client) {
      const plane = await connect(client, address);
      owned.defer(() => plane.close());
      return plane;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
};

describe.each([
  ["in process", inProcess],
  ["over NATS", overNats(overTcp)],
  ["over NATS in a WebSocket", overNats(overWebSocket)],
])("the federated plane %s", (_, create) => {
  it("answers requests, knowing who asked", async () => {
    await using scene = await create();
    scene.aggregator.serve(async (client, request) => ({ type: "gone", reason: `${client} asked ${request.type}` }));
    const [one, other] = await Promise.all([scene.connect("one"), scene.connect("other")]);
    const leave = { type: "leave", reason: "done" } as const;
    await expect(one.request(leave, 1_000)).resolves.toEqual({ type: "gone", reason: "one asked leave" });
    await expect(other.request(leave, 1_000)).resolves.toEqual({ type: "gone", reason: "other asked leave" });
  });

  it("carries the largest chunk both ways", async () => {
    await using scene = await create();
    const content = new Uint8Array(mostChunkBytes).fill(7);
    scene.aggregator.serve(async (_client, request) => ({
      type: "chunk",
      content: request.type === "put_chunk" ? request.content : new Uint8Array(),
    }));
    const client = await scene.connect("one");
    const reply = await client.request({ type: "put_chunk", id: "0".repeat(32), index: 0, content }, 5_000);
    expect(reply.type === "chunk" && Buffer.compare(reply.content, content)).toBe(0);
  });

  it("brings an error to the one who asked for it, with its code", async () => {
    await using scene = await create();
    scene.aggregator.serve(async (client) => {
      if (client === "bad") throw new ShoalError("cancelled", "the aggregator was closed");
      return { type: "noted" };
    });
    const [bad, good] = await Promise.all([scene.connect("bad"), scene.connect("good")]);
    const leave = { type: "leave", reason: "" } as const;
    await expect(bad.request(leave, 1_000)).rejects.toMatchObject({
      code: "cancelled",
      message: "[cancelled] the aggregator was closed",
    });
    await expect(good.request(leave, 1_000)).resolves.toEqual({ type: "noted" });
  });

  it("ends every request: nobody there, and nobody answering", async () => {
    await using scene = await create();
    const client = await scene.connect("one");
    const leave = { type: "leave", reason: "" } as const;
    await expect(client.request(leave, 1_000)).rejects.toMatchObject({ code: "transport_lost" });
    scene.aggregator.serve(() => new Promise(() => undefined));
    await expect(
      (async () => {
        // The server may still be about to hear of it.
        for (let tries = 0; tries < 50; tries += 1) {
          await client.request(leave, 100).catch((error: unknown) => {
            if (!isShoalError(error) || error.code !== "transport_lost") throw error;
          });
        }
      })(),
    ).rejects.toMatchObject({ code: "deadline_exceeded" });
  });

  it("stops serving when told to", async () => {
    await using scene = await create();
    const stop = scene.aggregator.serve(async () => ({ type: "noted" }));
    const client = await scene.connect("one");
    const leave = { type: "leave", reason: "" } as const;
    await expect(client.request(leave, 1_000)).resolves.toEqual({ type: "noted" });
    await stop();
    await expect(
      (async () => {
        // The server may still be about to hear of it.
        for (let tries = 0; tries < 50; tries += 1) await client.request(leave, 500);
      })(),
    ).rejects.toMatchObject({ code: "transport_lost" });
  });

  it("tells one client, or all", async () => {
    await using scene = await create();
    const heard: string[] = [];
    const listen = async (name: string): Promise<void> => {
      const client = await scene.connect(name);
      client.listen((notice: ClientNotice) => heard.push(`${name}: ${notice.type}`));
      // What is subscribed to is known to the server when it has answered something.
      await client.request({ type: "leave", reason: "" }, 1_000);
    };
    scene.aggregator.serve(async () => ({ type: "noted" }));
    await Promise.all([listen("one"), listen("other")]);
    scene.aggregator.tell("one", { type: "offer_again", round: 1 });
    scene.aggregator.tellAll({ type: "task_over", reason: "done", model: null });
    await eventually("three notices", () => heard.length >= 3);
    expect(heard.toSorted()).toEqual(["one: offer_again", "one: task_over", "other: task_over"]);
  });
});
