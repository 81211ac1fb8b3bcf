/** Clients, invited and not, against a real nats-server behind a real server of the page. */
import { connect, createServer } from "node:net";
import { connectNats, createRandom, systemClock } from "@shoal/actors";
import { createNatsAggregatorPlane } from "@shoal/aggregator";
import { connectEdge, createClientKey, enrolmentPath, natsPath, type Enrolment } from "@shoal/edge-client";
import type { ShoalError } from "@shoal/errors";
import { jwtAuthenticator, nkeys, wsconnect, type NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNatsServer } from "../cluster/nats-server.ts";
import { startEdgeNats } from "./edge-nats.ts";
import { startEdgeServer, type EdgeServer, type EdgeServerOptions } from "./edge-server.ts";
import { createEdgeIdentity } from "./nats-identity.ts";
import { pageFileOf } from "./page-files.ts";
import { writeTicket } from "./ticket.ts";

const page = Buffer.from("<p>page</p>");
const token = "a secret: of the 'cluster'";
const cluster = "test";
const key = new Uint8Array(32).fill(7);
const soon = (): number => Math.floor(Date.now() / 1_000) + 600;
const owned = new AsyncDisposableStack();
let leaf: string;
let options: EdgeServerOptions;
let edge: EdgeServer;
let hub: NatsConnection;
/** What the aggregator of task "digits" has heard: client and request. */
const heard: string[] = [];

/** What people read at the edge. */
const logged: string[] = [];

beforeAll(async () => {
  const server = await startNatsServer({ token, environment: process.env, port: -1 });
  owned.defer(() => server.stop());
  leaf = server.leaf;
  const identity = createEdgeIdentity(Date.now());
  const nats = await startEdgeNats({ environment: process.env, trust: identity.trust, leaf: server.leaf, token });
  owned.defer(() => nats.stop());
  hub = await connectNats({ servers: server.url, token, name: "cluster" });
  owned.defer(() => hub.close());
  const plane = createNatsAggregatorPlane(hub, { cluster, task: "digits" });
  plane.serve(async (client, request) => {
    heard.push(`${client} ${request.type}`);
    plane.tell(client, { type: "offer_again", round: 1 });
    return { type: "noted" };
  });
  options = {
    ...{ host: "127.0.0.1", port: 0, tls: undefined, origins: [], cluster, isOpen: true, ticketKey: key, identity },
    perAddress: Infinity,
    ...{
      door: () => nats.doors.websocket ?? "",
      now: Date.now,
      log: (sentence) => void logged.push(sentence),
      tasks: async () => ({ now: "digits", endOf: () => undefined }),
      isFixed: false,
    },
    files: new Map([["/", pageFileOf({ type: "text/html", content: page, isImmutable: false })]]),
  };
  edge = await startEdgeServer(options);
  owned.defer(() => edge.close());
});
afterAll(async () => {
  await owned.disposeAsync();
});

const connectionOf = (ticket: string | null, seed = createClientKey()) =>
  connectEdge({ origin: edge.origin, ticket, seed, clock: systemClock, random: createRandom(1) });

interface RawClient extends AsyncDisposable {
  readonly connection: NatsConnection;
  readonly enrolment: Enrolment;
}

/** A client that does as it likes with the pass of an honest one. */
async function rawClient(ticket: string | null, server = edge): Promise<RawClient> {
  const user = nkeys.createUser();
  const response = await enrolAt(server, { ticket, publicKey: user.getPublicKey(), task: null });
  const enrolment = (await response.json()) as Enrolment;
  const connection = await wsconnect({
    servers: `${server.origin.replace("http", "ws")}${natsPath}`,
    authenticator: jwtAuthenticator(enrolment.pass, user.getSeed()),
    inboxPrefix: `_INBOX.${enrolment.client}`,
    reconnect: false,
  });
  return { connection, enrolment, [Symbol.asyncDispose]: () => connection.close() };
}

function enrolAt({ origin }: EdgeServer, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(origin + enrolmentPath, {
    ...{ method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } },
  });
}

/** What nats-server says of it, or "let through". */
function trial(connection: NatsConnection, act: (fails: (error: Error | null) => void) => void): Promise<string> {
  return new Promise((resolve) => {
    act((error) => resolve(error?.name ?? "let through"));
    void connection.flush().then(
      () => setTimeout(() => resolve("let through"), 50),
      () => resolve("cut"),
    );
  });
}

const trySubscribe = ({ connection }: RawClient, subject: string): Promise<string> =>
  trial(connection, (fails) => connection.subscribe(subject, { callback: (error) => fails(error) }));

describe("a client of shoal edge", () => {
  it("reaches its aggregator, and is told things", async () => {
    const { plane, enrolment } = await connectionOf(null);
    const notice = Promise.withResolvers<string>();
    plane.listen(({ type }) => notice.resolve(type));
    await expect(plane.request({ type: "leave", reason: "" }, 5_000)).resolves.toEqual({ type: "noted" });
    await expect(notice.promise).resolves.toBe("offer_again");
    expect(heard).toContain(`${enrolment.client} leave`);
    await plane.close();
  });

  it("has a name that follows from its key, unless its invitation names it", async () => {
    const seed = createClientKey();
    const named = writeTicket({ cluster, task: "other", client: "ward-3", expiresAt: soon() }, key);
    const all = writeTicket({ cluster, task: "other", client: null, expiresAt: soon() }, key);
    const names: string[] = [];
    for (const ticket of [null, all, named]) {
      const { enrolment, plane } = await connectionOf(ticket, seed);
      names.push(`${enrolment.task} ${enrolment.client}`);
      await plane.close();
    }
    const own = names[0]?.split(" ")[1] ?? "";
    expect(own).toMatch(/^c-[a-z2-7]{28}$/);
    expect(names).toEqual([`digits ${own}`, `other ${own}`, "other ward-3"]);
  });

  it("hears nothing that is said to others", async () => {
    await using client = await rawClient(null);
    const others = ["shoal.test.fl.digits.down.ward-3", "shoal.test.fl.digits.up.*", "shoal.test.fl.other.all"];
    const inner = [">", "shoal.test.coordinator", "shoal.>", "_INBOX.>", "$SYS.>", "$JS.API.>", "$KV.>"];
    for (const subject of [...others, ...inner]) {
      expect(`${subject} ${await trySubscribe(client, subject)}`).toBe(`${subject} PermissionViolationError`);
    }
    const own = `shoal.test.fl.digits.down.${client.enrolment.client}`;
    expect(await trySubscribe(client, own)).toBe("let through");
  });

  it("says nothing in the name of others, nor to the cluster", async () => {
    await using client = await rawClient(null);
    const { connection } = client;
    const seen: string[] = [];
    const spy = hub.subscribe(">", { callback: (_error, { subject }) => void seen.push(subject) });
    await hub.flush();
    const refused: string[] = [];
    void (async () => {
      for await (const status of connection.status()) if (status.type === "error") refused.push(status.error.message);
    })();
    const subjects = [
      ...["shoal.test.fl.digits.up.ward-3", "shoal.test.fl.digits.down.ward-3", "shoal.test.fl.digits.all"],
      ...["shoal.test.coordinator", "shoal.test.worker-1.worker", "_INBOX.ward-3.x", "$JS.API.INFO"],
    ];
    for (const subject of subjects) connection.publish(subject, "x");
    await connection.request(`shoal.test.fl.digits.up.${client.enrolment.client}`, "x", { timeout: 5_000 });
    await expect.poll(() => refused.map((message) => /"(.*)"/.exec(message)?.[1])).toEqual(subjects);
    expect(seen.filter((subject) => subjects.includes(subject))).toEqual([]);
    spy.unsubscribe();
  });

  it("cannot have the aggregator answer to somebody else", async () => {
    await using client = await rawClient(null);
    const victims: string[] = [];
    const spies = ["shoal.test.coordinator", "_INBOX.ward-3.x"].map((subject) =>
      hub.subscribe(subject, { callback: () => void victims.push(subject) }),
    );
    const up = `shoal.test.fl.digits.up.${client.enrolment.client}`;
    for (const reply of ["shoal.test.coordinator", "_INBOX.ward-3.x"]) {
      client.connection.publish(up, "x", { reply });
    }
    await client.connection.request(up, "x", { timeout: 5_000 }); // behind them, so they have been looked at
    await hub.flush();
    expect(victims).toEqual([]);
    for (const spy of spies) spy.unsubscribe();
  });

  it("comes back when shoal edge was started again, with other keys", async () => {
    const start = async (port: number): Promise<EdgeServer & AsyncDisposable> => {
      const identity = createEdgeIdentity(Date.now());
      const nats = await startEdgeNats({ environment: process.env, trust: identity.trust, leaf, token });
      const server = await startEdgeServer({ ...options, identity, door: () => nats.doors.websocket ?? "", port });
      const stop = async (): Promise<void> => {
        await server.close();
        await nats.stop();
      };
      return { ...server, [Symbol.asyncDispose]: stop };
    };
    const first = await start(0);
    const { plane } = await connectEdge({
      ...{ origin: first.origin, ticket: null, seed: createClientKey(), clock: systemClock, random: createRandom(1) },
    });
    await first[Symbol.asyncDispose]();
    await using _again = await start(Number(new URL(first.origin).port));
    const ask = () => plane.request({ type: "leave", reason: "" }, 1_000).catch(() => undefined);
    await expect.poll(ask, { timeout: 15_000 }).toEqual({ type: "noted" });
    await plane.close();
  });

  it("is cut off when its invitation has ended", async () => {
    const ticket = writeTicket({ cluster, task: "digits", client: null, expiresAt: soon() - 600 + 2 }, key);
    const refused = Promise.withResolvers<ShoalError>();
    const own = { origin: edge.origin, ticket, seed: createClientKey(), random: createRandom(1) };
    const { plane } = await connectEdge({ ...own, onRefused: refused.resolve });
    const told: boolean[] = [];
    plane.watch((isConnected) => told.push(isConnected));
    await using client = await rawClient(ticket);
    const closed = await client.connection.closed();
    expect(closed).toMatchObject({ name: "UserAuthenticationExpiredError" });
    await expect(refused.promise).resolves.toMatchObject({ code: "unauthenticated" });
    expect(told).toEqual([true, false]);
    await plane.close();
    const again = await enrolAt(edge, { ticket, publicKey: nkeys.createUser().getPublicKey(), task: null });
    expect(again.status).toBe(401);
    await expect(again.json()).resolves.toMatchObject({ code: "unauthenticated" });
  });
});

describe("a stranger", () => {
  it("is refused by nats-server: without a pass, with the cluster's token, with somebody else's pass", async () => {
    const servers = `${edge.origin.replace("http", "ws")}${natsPath}`;
    await using client = await rawClient(null);
    const { pass } = client.enrolment;
    const forged = pass.replace(/[^.]*$/, (signature) =>
      signature.replace(/^./, (first) => (first === "A" ? "B" : "A")),
    );
    const own = nkeys.createUser().getSeed();
    const attempts = [
      {},
      { token },
      { authenticator: jwtAuthenticator(pass, own) },
      { authenticator: jwtAuthenticator(forged, own) },
    ];
    for (const attempt of attempts) {
      await expect(wsconnect({ servers, reconnect: false, ...attempt })).rejects.toMatchObject({
        name: "AuthorizationError",
      });
    }
  });

  it("cannot write an invitation, nor change one", async () => {
    const ticket = writeTicket({ cluster, task: "digits", client: "a", expiresAt: soon() }, key);
    const other = writeTicket({ cluster, task: "digits", client: "b", expiresAt: soon() }, new Uint8Array(32));
    const [, said, seal] = ticket.split(".");
    const mixed = ["shoal1", other.split(".")[1], seal].join(".");
    const publicKey = nkeys.createUser().getPublicKey();
    for (const each of [other, mixed, `shoal1.${said}`, "", ".", "x".repeat(4_000)]) {
      expect((await enrolAt(edge, { ticket: each, publicKey, task: null })).status).toBe(401);
    }
    expect((await enrolAt(edge, { ticket, publicKey, task: null })).status).toBe(200);
  });

  it("needs an invitation where not everybody is let in, and one to this cluster", async () => {
    await using closed = await startEdgeServer({ ...options, isOpen: false }).then((server) => ({
      ...server,
      [Symbol.asyncDispose]: () => server.close(),
    }));
    const publicKey = nkeys.createUser().getPublicKey();
    const without = await enrolAt(closed, { ticket: null, publicKey, task: null });
    expect(without.status).toBe(401);
    const elsewhere = writeTicket({ cluster: "elsewhere", task: "digits", client: null, expiresAt: soon() }, key);
    expect((await enrolAt(closed, { ticket: elsewhere, publicKey, task: null })).status).toBe(403);
  });

  it("of another origin is not heard: page, enrolment, WebSocket", async () => {
    const publicKey = nkeys.createUser().getPublicKey();
    const foreign = { origin: "https://elsewhere.example" };
    expect((await enrolAt(edge, { ticket: null, publicKey, task: null }, foreign)).status).toBe(403);
    expect(await upgradeStatus({ ...foreign })).toBe("403");
    expect(await upgradeStatus({ host: "elsewhere.example" })).toBe("403");
    expect(await upgradeStatus({ origin: edge.origin })).toBe("101");
  });

  it("is cut off where its request does not come, or not to its end", async () => {
    const server = await startEdgeServer({ ...options, patienceMs: 150 });
    const { hostname, port } = new URL(server.origin);
    const { connection, [Symbol.asyncDispose]: leave } = await rawClient(null, server);
    const body = `POST ${enrolmentPath} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: 100\r\n\r\n{`;
    for (const begun of ["", "GET / HTTP/1.1\r\nHost:", body]) {
      const socket = connect({ host: hostname, port: Number(port) });
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.on("error", () => undefined).resume();
      socket.write(begun);
      await closed;
    }
    // Who is connected may be silent: that was three times as long.
    expect(connection.isClosed()).toBe(false);
    await leave();
    await server.close();
  });

  it("hears of what fails at the edge by a number, under which the edge's log has it", async () => {
    const failing = await startEdgeServer({
      ...options,
      tasks: async () => Promise.reject(new Error("10.0.0.7:4222 as user hub refused it")),
    });
    for (const ask of [
      fetch(`${failing.origin}/health?q=1`),
      enrolAt(failing, { ticket: null, publicKey: nkeys.createUser().getPublicKey(), task: null }),
    ]) {
      const response = await ask;
      const { code, message } = (await response.json()) as { readonly code: string; readonly message: string };
      expect([response.status, code]).toEqual([500, "internal"]);
      expect(message).toMatch(/^\[internal\] shoal edge failed here: its log says why, at failure [0-9a-f]{8}$/);
      const said = logged.filter((sentence) => sentence.startsWith(`failure ${message.slice(-8)}: `));
      expect(said).toEqual([
        expect.stringMatching(/ (GET \/health|POST \/\S+) could .*10\.0\.0\.7:4222 as user hub refused it$/),
      ]);
    }
    await failing.close();
    // Who goes in the middle of a request leaves no line.
    const lines = logged.length;
    const port = Number(new URL(edge.origin).port);
    const socket = connect(port, "127.0.0.1");
    socket.write(`POST ${enrolmentPath} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: 9\r\n\r\n{`, () =>
      socket.destroy(),
    );
    await new Promise((resolve) => socket.once("close", resolve));
    await fetch(`${edge.origin}/health`);
    expect(logged).toHaveLength(lines);
  });

  it("gets bad requests back", async () => {
    expect((await enrolAt(edge, { ticket: null, publicKey: "me" })).status).toBe(400);
    expect((await enrolAt(edge, { ticket: "x".repeat(100_000), publicKey: "me" })).status).toBe(400);
    expect((await fetch(`${edge.origin}/../etc/passwd`)).status).toBe(404);
    expect((await fetch(edge.origin, { method: "DELETE" })).status).toBe(405);
  });
});

/** The status of a WebSocket handshake with headers of one's own. */
async function upgradeStatus(headers: Record<string, string>): Promise<string> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const handshake = request(edge.origin + natsPath, {
      headers: {
        ...{ connection: "Upgrade", upgrade: "websocket" },
        ...{ "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" },
        ...headers,
      },
    });
    handshake.on("response", ({ statusCode }) => resolve(String(statusCode)));
    handshake.on("upgrade", ({ statusCode }, socket) => {
      socket.destroy();
      resolve(String(statusCode));
    });
    handshake.on("error", reject);
    handshake.end();
  });
}

describe("the nats-server for clients", () => {
  it("says at once why it cannot join the cluster's", async () => {
    const { trust } = createEdgeIdentity(Date.now());
    const start = (to: string, secret: string) =>
      startEdgeNats({ environment: process.env, trust, leaf: to, token: secret });
    await expect(start(leaf, "another")).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(start("nats-leaf://127.0.0.1:1", token)).rejects.toMatchObject({ code: "transport_lost" });
    const clientsDoor = hub.getServer();
    await expect(start(`nats-leaf://${clientsDoor}`, token)).rejects.toMatchObject({ code: "transport_lost" });
  });
});

describe("the server of the page", () => {
  it("isolates it from other origins and lets it talk to nobody else", async () => {
    const response = await fetch(edge.origin);
    await expect(response.text()).resolves.toBe("<p>page</p>");
    expect(response.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(response.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    await expect((await fetch(`${edge.origin}/health`)).json()).resolves.toEqual({ status: "ok", task: "digits" });
  });

  it.each([
    ["gzip, deflate, br", "gzip"],
    ["br;q=1, gzip ; q=0.5", "gzip"],
    ["gzip;q=0", null],
    ["identity", null],
  ])("sends its files compressed to who takes %s: %s", async (accepted, coding) => {
    const response = await fetch(edge.origin, { headers: { "accept-encoding": accepted } });
    expect(response.headers.get("content-encoding")).toBe(coding);
    expect(response.headers.get("vary")).toBe("accept-encoding");
    await expect(response.text()).resolves.toBe("<p>page</p>");
  });

  it("says that its port is taken", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => blocker.once("listening", resolve));
    const { port } = blocker.address() as { port: number };
    await expect(startEdgeServer({ ...options, port })).rejects.toMatchObject({ code: "port_in_use" });
    blocker.close();
  });
});
