/** Makes gRPC links, of workers or between servers, that share their connections. */
import { endianness } from "node:os";
import type { Clock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { defaultKeepalive, type KeepaliveTimes, type LinkFactory, type ReplicaLinkFactory } from "@shoal/protocol";
import { createGrpcJsClientEngine } from "./engine/grpc-js-client-engine.ts";
import { createHttp2ClientEngine } from "./engine/http2-client-engine.ts";
import { createGrpcLink, type GrpcLinkOptions } from "./grpc-link.ts";
import { createGrpcReplicaLink } from "./grpc-replica-link.ts";

export interface GrpcLinkFactoryOptions {
  readonly clock: Clock;
  /** The cluster's token; undefined where it has none. */
  readonly token?: string;
  /** How long after a call's deadline the server's own answer, which names whom it waits for, is still listened to, ms. */
  readonly graceMs?: number;
  /** What carries the streams: "http2" (default) is several times as fast as "grpc-js". */
  readonly engine?: "http2" | "grpc-js";
  /** Default: every 0.5 s, 5 s long. */
  readonly keepalive?: KeepaliveTimes;
}

/** One HTTP/2 session per server process, shared by all links of the factory (16 streams each). */
export function createGrpcLinkFactory(options: GrpcLinkFactoryOptions): LinkFactory {
  const links = linkOptions(options);
  return { connect: (endpoint, identity) => createGrpcLink(endpoint, identity, links) };
}

/** The same between servers: what a primary sends to its replicas. */
export function createGrpcReplicaLinkFactory(options: GrpcLinkFactoryOptions): ReplicaLinkFactory {
  const links = linkOptions(options);
  return {
    connect({ endpoint }, run, { member: server, incarnation, node: name }) {
      return createGrpcReplicaLink(endpoint, { run, server, incarnation, name }, links);
    },
  };
}

function linkOptions(options: GrpcLinkFactoryOptions): GrpcLinkOptions {
  if (endianness() !== "LE") {
    throw new ShoalError("internal", "the wire is little-endian float32 as it lies in memory; this machine is not");
  }
  const { clock, token, graceMs = 100, keepalive = defaultKeepalive } = options;
  const engine =
    options.engine === "grpc-js" ? createGrpcJsClientEngine(keepalive) : createHttp2ClientEngine({ clock, keepalive });
  return { engine, clock, token, graceMs };
}
