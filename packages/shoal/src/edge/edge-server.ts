/**
 * The server of `shoal edge`: the page, enrolment, health, and WebSockets to nats-server, at one port.
 *
 * Bounds  a request's body has at most `mostBody`; `mostConnections` at once, and one address its part; a request that takes longer than
 *         `patienceMs` to come is cut off, and so is TLS that is not agreed on in that time. Refusals are JSON:
 *         `{ code, message }`. What fails here is told to strangers by a number only, under which it is in the log.
 */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { isIPv4, type AddressInfo, type Socket } from "node:net";
import { enrolmentPath, enrolmentRequestSchema, natsPath, type Enrolment } from "@shoal/edge-client";
import { counted, ShoalError } from "@shoal/errors";
import { permissionsOf } from "@shoal/federated";
import { createAddressBounds, type AddressBounds } from "./address-bounds.ts";
import { decideEnrolment } from "./decide-enrolment.ts";
import type { EdgeIdentity } from "./nats-identity.ts";
import { refuseUpgrade, tunnel } from "./nats-tunnel.ts";
import type { PageFile } from "./page-files.ts";
import { refusePlainRequests } from "./plain-requests.ts";
import { isOwnHost, isOwnOrigin, responseHeaders, takesGzip, type HostRules } from "./response-headers.ts";
import { readTicket } from "./ticket.ts";

export interface EdgeServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly origins: readonly string[];
  readonly cluster: string;
  /** Whether a page needs no invitation. */
  readonly isOpen: boolean;
  /** Clients that one address may have at a time under names that nobody gave them; Infinity: any number. */
  readonly perAddress: number;
  readonly ticketKey: Uint8Array;
  readonly identity: EdgeIdentity;
  /** `ws://HOST:PORT` of the nats-server that runs now. */
  readonly door: () => string;
  readonly files: ReadonlyMap<string, PageFile>;
  /** Whether one task is served, whatever else runs. */
  readonly isFixed: boolean;
  readonly tasks: () => Promise<EdgeTasks>;
  readonly now: () => number;
  /** Takes a sentence for people. */
  readonly log: (sentence: string) => void;
  /** How long a request, its body included, may take to come; default 15 s. */
  readonly patienceMs?: number | undefined;
}

/** What is known of the cluster's federated runs. */
export interface EdgeTasks {
  /** The one that is served now; undefined: none runs, or nobody can say. */
  readonly now: string | undefined;
  /** How a run has ended; undefined: it goes on, or nobody can say. */
  readonly endOf: (run: string) => string | undefined;
}

interface ServingOptions extends EdgeServerOptions {
  readonly bounds: AddressBounds;
  /** Tells people, once in a while, that an address has all the clients that it may have. */
  readonly tellFull: (address: string, nowMs: number) => void;
}

export interface EdgeServer {
  /** Where it is reached from this machine. */
  readonly origin: string;
  close(): Promise<void>;
}

const mostBody = 16 * 1024;
const mostConnections = 10_000;
/** Who opens all connections and says nothing holds them no longer than this. */
const usualPatienceMs = 15_000;
const statusOf = { unauthenticated: 401, permission_denied: 403, run_not_found: 404 } as const;

/** @throws ShoalError port_in_use; invalid_argument - an address that is not this machine's */
export async function startEdgeServer(options: EdgeServerOptions): Promise<EdgeServer> {
  const { host, port, tls, door } = options;
  const rules: HostRules = { isLoopback: isLoopback(host), origins: options.origins };
  const bounds = createAddressBounds(options.perAddress);
  const tellFull = fullTeller(options);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response, { ...options, bounds, tellFull }, rules).catch((error: unknown) => {
      // Whoever has gone in the middle of a request is no failure of ours, and must not fill the log.
      if (response.headersSent || (response.socket?.destroyed ?? true)) response.destroy();
      else fail(request, response, ShoalError.from(error), options);
    });
  };
  const { patienceMs = usualPatienceMs } = options;
  const limits = {
    ...{ requestTimeout: patienceMs, headersTimeout: patienceMs, connectionsCheckingInterval: patienceMs / 3 },
  };
  const server: Server =
    tls === undefined
      ? createServer(limits, answer)
      : refusePlainRequests(createSecureServer({ ...limits, ...tls, handshakeTimeout: patienceMs }, answer), {
          rules,
          patienceMs,
        });
  server.maxConnections = mostConnections;
  // All of them: `closeAllConnections` leaves out those that have become WebSockets.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    const { remoteAddress = "" } = socket;
    if (!bounds.connected(remoteAddress)) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      bounds.disconnected(remoteAddress);
    });
  });
  server.on("upgrade", (request, socket, head: Buffer) => {
    const own = request.headers.host ?? "";
    if (!isOwnHost(own, rules) || !isOwnOrigin(request.headers.origin, own)) refuseUpgrade(socket, "403 Forbidden");
    else if (pathOf(request) === natsPath) tunnel(request, socket, head, door());
    else refuseUpgrade(socket, "404 Not Found");
  });
  await listen(server, host, port);
  const { port: chosen } = server.address() as AddressInfo;
  return {
    origin: `${tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${chosen}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Addresses that other machines cannot reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === "EADDRINUSE";
      const sentence = taken
        ? `port ${port} of ${host} is taken by another process; choose another with --port, or 0 for a free one`
        : `cannot listen at ${host}:${port}: ${cause.message}`;
      reject(new ShoalError(taken ? "port_in_use" : "invalid_argument", sentence, { port, host }, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServingOptions,
  rules: HostRules,
): Promise<void> {
  const host = request.headers.host ?? "";
  if (!isOwnHost(host, rules)) {
    return refuse(response, 421, new ShoalError("permission_denied", `this is not ${host}; name it with --origin`));
  }
  for (const [name, value] of Object.entries(responseHeaders(host))) response.setHeader(name, value);
  const path = pathOf(request);
  if (path === enrolmentPath && request.method === "POST") return enrol(request, response, options);
  if (request.method !== "GET" && request.method !== "HEAD") {
    return refuse(response, 405, new ShoalError("invalid_argument", `${request.method ?? ""} is not served`));
  }
  if (path === "/health") return reply(response, 200, { status: "ok", task: (await options.tasks()).now ?? null });
  const file = options.files.get(path);
  if (file === undefined) return refuse(response, 404, new ShoalError("invalid_argument", `there is no ${path}`));
  sendFile(request, response, file);
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: PageFile): void {
  const isCompressed = takesGzip(request.headers["accept-encoding"]);
  const content = isCompressed ? file.compressed : file.content;
  response.setHeader("cache-control", file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache");
  response.setHeader("vary", "accept-encoding");
  if (isCompressed) response.setHeader("content-encoding", "gzip");
  response.writeHead(200, { "content-type": file.type, "content-length": content.length });
  response.end(request.method === "HEAD" ? undefined : content);
}

async function enrol(request: IncomingMessage, response: ServerResponse, options: ServingOptions): Promise<void> {
  const { cluster, ticketKey, identity, isOpen, isFixed, now } = options;
  if (!isOwnOrigin(request.headers.origin, request.headers.host ?? "")) {
    return refuse(response, 403, new ShoalError("permission_denied", "only the page that is served here may enrol"));
  }
  const body = enrolmentRequestSchema.safeParse(await readBody(request));
  if (!body.success) return refuse(response, 400, new ShoalError("invalid_argument", "expected ticket and publicKey"));
  const { ticket, publicKey, task: asked } = body.data;
  const read = ticket === null ? null : readTicket(ticket, ticketKey);
  const { now: task, endOf } = await options.tasks();
  const nowMs = now();
  const decision = decideEnrolment({ cluster, task, endOf, isFixed, asked, ticket: read, isOpen, publicKey, nowMs });
  if (decision.kind === "refuse") {
    return refuse(response, statusOf[decision.code], new ShoalError(decision.code, decision.reason));
  }
  const { client, untilMs } = decision;
  const { remoteAddress = "" } = request.socket;
  // Whom an invitation names has been counted by whoever made it.
  if ((read?.client ?? null) === null && !options.bounds.named(remoteAddress, client, untilMs, nowMs)) {
    options.tellFull(remoteAddress, nowMs);
    return refuse(response, 429, new ShoalError("no_capacity", tooMany(options.perAddress)));
  }
  const permissions = permissionsOf({ cluster, task: decision.task }, client);
  const pass = identity.issue({ client, publicKey, permissions, nowMs, untilMs });
  const enrolment: Enrolment = { cluster, task: decision.task, client, pass, validMs: untilMs - nowMs };
  reply(response, 200, enrolment);
}

/** However often it happens: a line a minute. */
function fullTeller({ perAddress, log }: EdgeServerOptions): ServingOptions["tellFull"] {
  let toldAtMs = -Infinity;
  return (address, nowMs) => {
    if (nowMs - toldAtMs < 60_000) return;
    toldAtMs = nowMs;
    log(`${counted(perAddress, "client")} of ${address} take part, and no other is let in; --per-address allows more`);
  };
}

function tooMany(clients: number): string {
  const who = counted(clients, "client takes part from this address", "clients take part from this address");
  return `${who} already; whoever runs the task can let more in, or invite each by name`;
}

/** Undefined where it is too long, or not JSON. */
async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk as string;
    if (text.length > mostBody) return undefined;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function pathOf({ url }: IncomingMessage): string {
  return (url ?? "/").replace(/[?#].*$/, "");
}

function refuse(response: ServerResponse, status: number, { code, message }: ShoalError): void {
  reply(response, status, { code, message });
}

/** The sentence may name what only the cluster's people are to know. */
function fail(
  request: IncomingMessage,
  response: ServerResponse,
  { code, message }: ShoalError,
  { log }: EdgeServerOptions,
): void {
  const id = randomBytes(4).toString("hex");
  log(`failure ${id}: ${request.method ?? ""} ${pathOf(request)} could not be answered: ${message}`);
  refuse(response, 500, new ShoalError(code, `shoal edge failed here: its log says why, at failure ${id}`));
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
