/** Against a real nats-server; where waits are long, on a clock that stands still until it is told to go on. */
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { connectNats, createRandom, createSimulatedClock, systemClock, type SimulatedClock } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../../../test/support/eventually.ts";
import { startNatsServer, type NatsServer } from "../../../../test/support/nats-server.ts";
import { startTcpProxy } from "../../../../test/support/tcp-proxy.ts";
import { mostPings, openingMs, pingEveryMs } from "./nats-line.ts";
import { mostRequests, openNatsLink, type NatsLink, type NatsLinkOptions } from "./nats-link.ts";

let server: NatsServer;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false, websocket: true });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const open = (options: Partial<NatsLinkOptions> = {}): Promise<NatsLink> =>
  openNatsLink({
    ...{ url: server.websocket, inboxPrefix: "_INBOX.me", login: async () => ({ name: "me" }) },
    ...{ clock: systemClock, random: createRandom(1), onLoginRefused: () => undefined, ...options },
  });

const bytes = (length: number): Uint8Array => new Uint8Array(length);
const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "answered",
    (error: unknown) => (isShoalError(error) ? error.code : String(error)),
  );

/** Timers of a minute at most, until it is so. */
async function letTimePass(clock: SimulatedClock, what: string, isSo: () => boolean): Promise<void> {
  await eventually(what, () => {
    if ((clock.nextAt ?? Infinity) - clock.now() < 60_000) clock.fireNext();
    return isSo();
  });
}

describe("a link to nats-server", () => {
  it("comes back with its subscriptions when the server does, and is told of once", async () => {
    const clock = createSimulatedClock();
    const link = await open({ clock });
    const told: boolean[] = [];
    const heard: number[] = [];
    link.watch((isConnected) => told.push(isConnected));
    link.subscribe("news", (data) => heard.push(data.length));
    const stop = link.subscribe("news", () => heard.push(-1));
    stop();
    const silent = await connectNats({ servers: server.address, name: "silent" });
    silent.subscribe("silent", { callback: () => undefined });
    await silent.flush();
    const underWay = codeOf(link.request("silent", bytes(1), 10_000));
    await silent.close();
    await server.kill();
    await expect(underWay).resolves.toBe("transport_lost");
    await expect(codeOf(link.request("silent", bytes(1), 10_000))).resolves.toBe("transport_lost");
    await server.restart();
    await letTimePass(clock, "it is connected", () => told.at(-1) === true);
    expect(told).toEqual([true, false, true]);
    const other = await connectNats({ servers: server.address, name: "other" });
    // Its subscriptions are known to the server when it has been answered.
    await expect(codeOf(link.request("nobody", bytes(1), 10_000))).resolves.toBe("transport_lost");
    other.publish("news", bytes(3));
    await eventually("the news", () => heard.length > 0);
    expect(heard).toEqual([3]);
    await Promise.all([link.close(), other.close()]);
    expect(told.at(-1)).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it("tries for ever without growing: one timer, each wait drawn anew and half a minute at most", async () => {
    await using gone = await startNatsServer({ jetstream: false, websocket: true });
    const clock = createSimulatedClock();
    const told: boolean[] = [];
    const link = await open({ url: gone.websocket, clock });
    link.watch((isConnected) => told.push(isConnected));
    await gone.kill();
    await eventually("the line has ended", () => told.at(-1) === false);
    const waits: number[] = [];
    const attempts = 100; // 15 s on average
    await eventually("so many attempts in vain", () => {
      // While a WebSocket is being opened its deadline is the only timer.
      const ms = (clock.nextAt ?? NaN) - clock.now();
      expect(clock.pending).toBeLessThanOrEqual(1);
      if (clock.pending === 0 || ms === openingMs) return false;
      waits.push(ms);
      clock.fireNext();
      return waits.length === attempts;
    });
    expect(told).toEqual([true, false]);
    expect(waits[0]).toBeLessThanOrEqual(750);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_250);
    expect(new Set(waits).size).toBe(attempts);
    expect(clock.now()).toBeGreaterThan(1_200_000);
    await link.close();
    expect(clock.pending).toBe(0);
  });

  it("gives a line up that has gone silent, and opens another one", async () => {
    await using stack = new AsyncDisposableStack();
    const proxy = await startTcpProxy(Number(new URL(server.websocket).port));
    stack.defer(() => proxy.close());
    const clock = createSimulatedClock();
    const told: boolean[] = [];
    const link = await open({ url: `ws://${proxy.endpoint}`, clock });
    link.watch((isConnected) => told.push(isConnected));
    const { received } = link.traffic();
    clock.advance(pingEveryMs);
    await eventually("the answer to a ping", () => link.traffic().received > received);
    proxy.freeze();
    clock.advance(pingEveryMs * mostPings);
    expect(told).toEqual([true]);
    clock.advance(pingEveryMs);
    await eventually("the line has ended", () => told.length === 2);
    proxy.mend();
    await letTimePass(clock, "it is connected", () => told.length === 3);
    expect(told).toEqual([true, false, true]);
    await link.close();
  });

  it("refuses what the server would not take, and more questions than can be waited for", async () => {
    await using stack = new AsyncDisposableStack();
    const silent = await connectNats({ servers: server.address, name: "silent" });
    stack.defer(() => silent.close());
    silent.subscribe("silent", { callback: () => undefined });
    await silent.flush();
    const link = await open();
    await expect(codeOf(link.request("silent", bytes(2 ** 20 + 1), 1_000))).resolves.toBe("payload_too_large");
    const asked = Array.from({ length: mostRequests }, () => codeOf(link.request("silent", bytes(1), 10_000)));
    await expect(codeOf(link.request("silent", bytes(1), 1_000))).resolves.toBe("no_capacity");
    await link.close();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["transport_lost"]));
  });
});

describe("a link that cannot be opened", () => {
  it("says that it is not let in, or that nobody is there", async () => {
    await using closed = await startNatsServer({ jetstream: false, websocket: true, token: "secret" });
    await expect(codeOf(open({ url: closed.websocket }))).resolves.toBe("unauthenticated");
    await expect(codeOf(open({ url: "ws://127.0.0.1:1" }))).resolves.toBe("transport_lost");
    const login = () => Promise.reject(new Error("no key"));
    await expect(open({ login })).rejects.toThrow("no key");
  });

  it("waits no longer than its time for somebody who says nothing", async () => {
    const mute = createServer().listen(0, "127.0.0.1");
    await once(mute, "listening");
    const clock = createSimulatedClock();
    const opening = codeOf(open({ url: `ws://127.0.0.1:${(mute.address() as AddressInfo).port}`, clock }));
    clock.advance(openingMs);
    await expect(opening).resolves.toBe("transport_lost");
    expect(clock.pending).toBe(0);
    mute.close();
  });
});
