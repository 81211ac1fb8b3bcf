import type { NatsConnection } from "@nats-io/nats-core";
import {
  connectNats,
  createActorSystem,
  createNatsBus,
  createSystemRandom,
  systemClock,
  type ActorSystem,
} from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startNatsServer } from "../../support/nats-server.ts";
import { acceptCounterCommand, counter, type CounterCommand, type CounterReply } from "./counter-actor.ts";

const terms = { deadlineMs: 3000, reason: "to test" };

function join(connection: NatsConnection, node: string, cluster = "test"): ActorSystem {
  const bus = createNatsBus({ connection, cluster, clock: systemClock });
  return createActorSystem({ node, bus, clock: systemClock, random: createSystemRandom() });
}

const read = (from: ActorSystem, address: string): Promise<CounterReply> =>
  from.ask<CounterCommand, CounterReply>(from.ref(address), (replyTo) => ({ type: "read", replyTo }), terms);

describe("NATS bus", () => {
  it("says transport_lost while the server is away, and works again when it is back", async () => {
    await using server = await startNatsServer({ jetstream: false });
    await using owned = new AsyncDisposableStack();
    const systems: ActorSystem[] = [];
    for (const node of ["left", "right"]) {
      const connection = await connectNats({ servers: server.address, name: node });
      owned.defer(() => connection.close());
      const system = join(connection, node);
      owned.defer(() => system.stop());
      await system.ready();
      systems.push(system);
    }
    const [left, right] = systems as [ActorSystem, ActorSystem];
    right.spawn("counter", counter(), { accepts: acceptCounterCommand });
    const target = left.ref<CounterCommand>("right/counter");
    target.tell({ type: "add", amount: 1 });
    expect((await read(left, "right/counter")).total).toBe(1);

    await server.kill();
    await eventually("the loss is noticed", () => {
      try {
        target.tell({ type: "add", amount: 100 });
        return false;
      } catch (error) {
        return isShoalError(error, "transport_lost");
      }
    });
    await expect(read(left, "right/counter")).rejects.toMatchObject({ code: "transport_lost" });

    await server.restart();
    const reached = async (): Promise<number> => {
      for (const endAt = Date.now() + 10_000; ;) {
        const outcome = await read(left, "right/counter").catch(ShoalError.from);
        if (!(outcome instanceof Error)) return outcome.total;
        if (Date.now() > endAt) throw outcome;
        await systemPause();
      }
    };
    expect(await reached()).toBe(1);
  });

  it("refuses wrong credentials with a name for it, and passes right ones through", async () => {
    await using server = await startNatsServer({ jetstream: false, user: "shoal", password: "secret" });
    await using tokenServer = await startNatsServer({ jetstream: false, token: "t0ken" });
    const name = "test";
    await expect(
      connectNats({ servers: server.address, name, user: "shoal", password: "guess" }),
    ).rejects.toMatchObject({
      code: "unauthenticated",
    });
    await expect(connectNats({ servers: tokenServer.address, name })).rejects.toMatchObject({
      code: "unauthenticated",
    });
    const byPassword = await connectNats({ servers: server.address, name, user: "shoal", password: "secret" });
    const byToken = await connectNats({ servers: tokenServer.address, name, token: "t0ken" });
    await Promise.all([byPassword.close(), byToken.close()]);
  });

  it("says transport_lost where no server listens", async () => {
    await using server = await startNatsServer({ jetstream: false });
    await server.kill();
    await expect(connectNats({ servers: server.address, name: "test" })).rejects.toMatchObject({
      code: "transport_lost",
      details: { servers: server.address },
    });
  });

  it("keeps two clusters on one server apart", async () => {
    await using server = await startNatsServer({ jetstream: false });
    const connection = await connectNats({ servers: server.address, name: "test" });
    const systems = [
      join(connection, "left", "one"),
      join(connection, "right", "one"),
      join(connection, "right", "two"),
    ];
    const [left, right, other] = systems as [ActorSystem, ActorSystem, ActorSystem];
    await Promise.all(systems.map((system) => system.ready()));
    other.spawn("counter", counter(), { accepts: acceptCounterCommand });
    await expect(read(left, "right/counter")).rejects.toMatchObject({ code: "actor_not_found" });
    expect([right.counters().deadLetters, other.counters().received]).toEqual([1, 0]);
    await Promise.all(systems.map((system) => system.stop()));
    await connection.close();
  });
});

function systemPause(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.after(20, resolve);
  return promise;
}
