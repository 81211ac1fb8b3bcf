/**
 * The nats-server of `shoal edge`: a leaf of the cluster's. Clients are let in here and nowhere else, over WebSocket on
 * loopback (`shoal edge` passes on what comes to its own port); the cluster's token stays between the two servers.
 */
import { ShoalError } from "@shoal/errors";
import type { Environment } from "../environment/folders.ts";
import { leafLogin } from "../cluster/leaf-address.ts";
import { startNatsProcess, type NatsProcess } from "../cluster/nats-process.ts";
import type { EdgeTrust } from "./nats-identity.ts";

export interface EdgeNatsOptions {
  readonly environment: Environment;
  readonly trust: EdgeTrust;
  /** `nats-leaf://HOST:PORT` of the cluster's nats-server. */
  readonly leaf: string;
  readonly token: string;
}

/** Largest message: a chunk of 256 KiB and what stands around it. */
const mostPayload = "512KB";
/** What the server holds for a client that does not read, before it is cut off. */
const mostPending = "8MB";
const mostConnections = 10_000;

/** @throws ShoalError as `startNatsProcess` */
export async function startEdgeNats(options: EdgeNatsOptions): Promise<NatsProcess> {
  const { environment } = options;
  return startNatsProcess({
    environment,
    configure: (folder) => edgeConfiguration(folder, options),
    awaits: ["nats", "websocket"],
    isReady: awaitJoin(options.leaf),
    portTaken: () => new ShoalError("port_in_use", "nats-server found no free port"),
  });
}

/** A server that refuses a leaf does so at once; one that says nothing known may be of a version that says it otherwise. */
const settledMs = 200;
const silenceMs = 3_000;

/** @returns whether it has joined the cluster's server: what keeps it from that is said now, not when a client comes */
function awaitJoin(leaf: string): (words: string) => boolean | ShoalError {
  const begunAt = Date.now();
  let joinedAt: number | undefined;
  return (words) => {
    if (/Authorization Violation/i.test(words)) {
      return new ShoalError("unauthenticated", `the cluster's nats-server at ${leaf} refuses this token`, { leaf });
    }
    if (/Error trying to connect as leafnode|wrong port/i.test(words)) {
      const advice = "its configuration needs a leafnodes block (as in deploy/nats.conf); --leaf says where it listens";
      return new ShoalError("transport_lost", `no nats-server takes leaf nodes at ${leaf}: ${advice}`, { leaf });
    }
    const now = Date.now();
    if (/Leafnode connection created/.test(words)) joinedAt ??= now;
    return joinedAt === undefined ? now - begunAt > silenceMs : now - joinedAt > settledMs;
  };
}

function edgeConfiguration(folder: string, { trust, leaf, token }: EdgeNatsOptions): string {
  const { operator, account, accountClaims } = trust;
  return [
    'listen: "127.0.0.1:-1"',
    `ports_file_dir: ${JSON.stringify(folder)}`,
    `max_payload: ${mostPayload}`,
    `max_pending: ${mostPending}`,
    `max_connections: ${mostConnections}`,
    `operator: ${operator}`,
    "resolver: MEMORY",
    `resolver_preload: { ${account}: ${accountClaims} }`,
    // A page may come from where it talks to, and from nowhere else.
    'websocket { listen: "127.0.0.1:-1", no_tls: true, same_origin: true, handshake_timeout: "5s" }',
    `leafnodes { reconnect: 1, remotes: [{ url: ${JSON.stringify(leafLogin(leaf, token))}, account: ${account} }] }`,
    "",
  ].join("\n");
}
