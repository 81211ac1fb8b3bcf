/** The exchange client of a link: made with the first call, and again with the first call after the stream was lost. */
import type { Clock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { RpcMethod } from "@shoal/protocol";
import type { RpcClientEngine } from "./engine/rpc-client-engine.ts";
import { createExchangeClient, type ExchangeClient } from "./exchange-client.ts";

export interface ClientOfLinkOptions {
  readonly engine: RpcClientEngine;
  readonly clock: Clock;
  readonly graceMs: number;
  readonly endpoint: string;
  readonly method: RpcMethod;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ClientOfLink {
  /** @throws ShoalError cancelled - the link is closed; invalid_argument - the endpoint is none */
  connected(): ExchangeClient;
  /** Idempotent. */
  close(): void;
}

export function createClientOfLink(options: ClientOfLinkOptions): ClientOfLink {
  const { engine, clock, graceMs, endpoint, method, metadata } = options;
  const isEndpoint = URL.canParse(`http://${endpoint}`);
  const cancelled = (): ShoalError =>
    new ShoalError("cancelled", "the link to the parameter server was closed", { endpoint });
  let client: ExchangeClient | undefined;
  let closed = false;
  return {
    connected() {
      if (closed) throw cancelled();
      if (!isEndpoint) throw notAnEndpoint(endpoint);
      if (client === undefined || client.over) {
        const open = engine.open.bind(engine, endpoint, method, metadata);
        client = createExchangeClient({ clock, graceMs, open });
      }
      return client;
    },
    close() {
      if (closed) return;
      closed = true;
      client?.close(cancelled());
    },
  };
}

function notAnEndpoint(endpoint: string): ShoalError {
  return new ShoalError("invalid_argument", `a server's endpoint is host:port, not ${JSON.stringify(endpoint)}`, {
    field: "endpoint",
  });
}
