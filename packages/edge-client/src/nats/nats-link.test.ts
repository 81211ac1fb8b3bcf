/** Against a real nats-server; waits between lines are on a clock that stands still until it is told to go on. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { connectNats, createRandom, createSimulatedClock, systemClock, type SimulatedClock } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../../../test/support/eventually.ts";
import { startNatsServer, type NatsServer } from "../../../../test/support/nats-server.ts";
import { startTcpProxy } from "../../../../test/support/tcp-proxy.ts";
import type { ReconnectHints } from "./reconnect-hints.ts";
import type { NatsLineOptions } from "./nats-line.ts";
import { mostRequests, openNatsLink, type NatsLink, type NatsLinkOptions } from "./nats-link.ts";

let server: NatsServer;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false, websocket: true });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

type Options = Partial<NatsLineOptions & NatsLinkOptions>;

const open = ({
  clock = systemClock,
  onLoginRefused = () => undefined,
  hints,
  ...line
}: Options = {}): Promise<NatsLink> =>
  openNatsLink({
    line: { url: server.websocket, name: "me", inboxPrefix: "_INBOX.me", ...line },
    ...{ clock, onLoginRefused, hints, random: createRandom(1) },
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

  it("tries for ever without growing: one timer, waits of half a minute at most, and none after a hint", async () => {
    await using gone = await startNatsServer({ jetstream: false, websocket: true });
    const clock = createSimulatedClock();
    const told: boolean[] = [];
    const hearers = new Set<() => void>();
    const hints: ReconnectHints = {
      listen(onHint) {
        hearers.add(onHint);
        return () => hearers.delete(onHint);
      },
    };
    const link = await open({ url: gone.websocket, clock, hints });
    link.watch((isConnected) => told.push(isConnected));
    await gone.kill();
    await eventually("the line has ended", () => told.at(-1) === false);
    const waits: number[] = [];
    const attempts = 100; // 15 s on average
    await eventually("so many attempts in vain", () => {
      // None while a WebSocket is being opened.
      expect(clock.pending).toBeLessThanOrEqual(1);
      if (clock.nextAt === undefined) return false;
      waits.push(clock.nextAt - clock.now());
      clock.fireNext();
      return waits.length === attempts;
    });
    expect(told).toEqual([true, false]);
    expect(waits[0]).toBeLessThanOrEqual(750);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_250);
    expect(new Set(waits).size).toBe(attempts);
    expect(clock.now()).toBeGreaterThan(1_200_000);
    await gone.restart();
    await eventually("it waits for its next attempt", () => clock.nextAt !== undefined || told.length === 3);
    const backMs = clock.now();
    for (const hear of hearers) hear();
    await letTimePass(clock, "it is connected", () => told.length === 3);
    expect(told).toEqual([true, false, true]);
    expect(clock.now() - backMs).toBeLessThanOrEqual(1_000);
    await link.close();
    expect(clock.pending).toBe(0);
    expect(hearers.size).toBe(0);
  });

  it("gives a line up that has gone silent, and opens another one", async () => {
    await using stack = new AsyncDisposableStack();
    const proxy = await startTcpProxy(Number(new URL(server.websocket).port));
    stack.defer(() => proxy.close());
    const clock = createSimulatedClock();
    const told: boolean[] = [];
    const link = await open({ url: `ws://${proxy.endpoint}`, clock, pingEveryMs: 50 });
    link.watch((isConnected) => told.push(isConnected));
    proxy.freeze();
    // More than a socket takes that nobody reads: what is buffered does not hold the end up.
    const underWay = Array.from({ length: 20 }, () => codeOf(link.request("nobody", bytes(2 ** 20), 60_000)));
    await eventually("the line has ended", () => told.length === 2);
    expect(new Set(await Promise.all(underWay))).toEqual(new Set(["transport_lost"]));
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
    const authenticator = (): never => {
      throw new Error("no key");
    };
    await expect(open({ authenticator })).rejects.toThrow("no key");
  });

  it("ends with a WebSocket that is closed before anybody has said anything", async () => {
    const closing = createServer((socket) => {
      socket.once("data", (request) => {
        const key = /^sec-websocket-key: (.*)\r$/im.exec(request.toString())?.[1] ?? "";
        const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
        const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
        socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
        socket.end(Uint8Array.of(0x88, 0)); // the frame that closes
      });
    }).listen(0, "127.0.0.1");
    await once(closing, "listening");
    const url = `ws://127.0.0.1:${(closing.address() as AddressInfo).port}`;
    await expect(codeOf(open({ url }))).resolves.toBe("transport_lost");
    closing.close();
  });

  it("waits no longer than its time for somebody who says nothing", async () => {
    const mute = createServer().listen(0, "127.0.0.1");
    await once(mute, "listening");
    const url = `ws://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    await expect(codeOf(open({ url, openingMs: 50 }))).resolves.toBe("transport_lost");
    mute.close();
  });
});
