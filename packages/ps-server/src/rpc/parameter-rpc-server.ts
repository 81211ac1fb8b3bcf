/**
 * The parameter service: lets workers, and the servers that hold other copies, speak to the shards of this process over
 * gRPC.
 *
 * Bounds  Those of `bounds.ts`: the memory of a server is a sum of numbers in that file and the sizes of its shards.
 */
import type { Clock } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { defaultKeepalive, readIdentity, readPeerIdentity, type KeepaliveTimes } from "@shoal/protocol";
import { createAuthentication } from "./authentication.ts";
import { defaultServiceBounds, type ServiceBounds } from "./bounds.ts";
import { createGrpcJsEngine } from "./engine/grpc-js-engine.ts";
import { createHttp2Engine } from "./engine/http2-engine.ts";
import type { RpcStreamOpener } from "./engine/rpc-engine.ts";
import { openExchangeStream } from "./exchange-stream.ts";
import type { HostedShards } from "./hosted-shards.ts";
import { createShardDesks } from "./shard-desk.ts";

export interface ParameterRpcServer {
  /**
   * Begins to accept workers.
   * @param address port 0: any free one
   * @returns `host:port`, for the coordinator and `LinkFactory.connect`
   * @throws ShoalError port_in_use, permission_denied, invalid_argument
   */
  listen(address: { readonly host: string; readonly port: number }): Promise<string>;
  /** Ends every stream and stops listening; settles when no handle is left. Idempotent. */
  close(): Promise<void>;
}

export interface ParameterRpcServerOptions {
  readonly shards: HostedShards;
  /** Where the shards' vectors live; regions for what comes in and goes out are taken from it. */
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly clock: Clock;
  /** Token that every stream must show; without one everybody is let in. */
  readonly token?: string;
  readonly bounds?: Partial<ServiceBounds>;
  /** What carries the streams: "http2" (default) is several times as fast as "grpc-js". */
  readonly engine?: RpcEngineName;
  /** Default: every 0.5 s, 5 s long. */
  readonly keepalive?: KeepaliveTimes;
  /** Told when a stream is over, by the node name of who spoke: in order or not cannot be seen from here. */
  readonly onGone?: (node: string) => void;
}

export type RpcEngineName = "http2" | "grpc-js";

const engines = { http2: createHttp2Engine, "grpc-js": createGrpcJsEngine } as const;

export function createParameterRpcServer(options: ParameterRpcServerOptions): ParameterRpcServer {
  const { shards, memory, kernels, clock } = options;
  const bounds = { ...defaultServiceBounds, ...options.bounds };
  const desks = createShardDesks({ shards, memory, kernels, clock, bounds });
  const authenticate = createAuthentication(options.token);
  const open: RpcStreamOpener = (stream) => {
    authenticate(stream.metadata);
    const readSpeaker = stream.method === "Replicate" ? readPeerIdentity : readIdentity;
    const speaker = readSpeaker(stream.metadata);
    const handler = openExchangeStream({ desks, clock, bounds }, stream, speaker);
    return {
      ...handler,
      gone() {
        handler.gone();
        options.onGone?.(speaker.name);
      },
    };
  };
  const engine = engines[options.engine ?? "http2"]({
    open,
    clock,
    connections: bounds.connections,
    keepalive: options.keepalive ?? defaultKeepalive,
  });
  return {
    async listen(address) {
      const { host, port } = await engine.listen(address);
      return `${host.includes(":") ? `[${host}]` : host}:${port}`;
    },
    async close() {
      await engine.close();
      desks.close();
    },
  };
}
