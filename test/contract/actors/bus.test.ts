import type { NatsConnection } from "@nats-io/nats-core";
import { connectNats, createInProcessBus, createNatsBus, systemClock } from "@shoal/actors";
import { afterAll, beforeAll } from "vitest";
import { startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { describeBus } from "./bus.contract.ts";

describeBus("in-process", async () => {
  const bus = createInProcessBus();
  return { encodes: false, join: async () => bus, [Symbol.asyncDispose]: async () => undefined };
});

describeBus("in-process, strict", async () => {
  const bus = createInProcessBus({ strict: true });
  return { encodes: true, join: async () => bus, [Symbol.asyncDispose]: async () => undefined };
});

let server: NatsServer;
let clusters = 0;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describeBus("NATS", async () => {
  const cluster = `test-${String(clusters++)}`;
  const owned = new AsyncDisposableStack();
  const connect = async (): Promise<NatsConnection> => {
    const connection = await connectNats({ servers: server.address, name: cluster });
    owned.defer(() => connection.close());
    return connection;
  };
  const stranger = await connect();
  return {
    encodes: true,
    async join() {
      return createNatsBus({ connection: await connect(), cluster, clock: systemClock });
    },
    async inject(node, name, bytes) {
      stranger.publish(`shoal.${cluster}.${node}.${name}`, bytes);
      await stranger.flush();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
});
