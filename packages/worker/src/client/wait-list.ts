/** What a parameter client waits for now: nothing waits without a name. */
import type { ShoalError } from "@shoal/errors";
import type { ShardPlacement } from "@shoal/protocol";

/** One exchange under way. */
export interface ClientWait {
  /** Node name of the worker. */
  readonly waiter: string;
  /** Shard and server: "shard 3 on server-1 (127.0.0.1:5000)". */
  readonly waitingFor: string;
  readonly shard: number;
  /** Node name of the shard's server; empty before the first attempt. */
  readonly server: string;
  /** "pull of clock 17", and what the last attempt failed with. */
  readonly reason: string;
  /** Clock time, ms. */
  readonly sinceMs: number;
  readonly attempt: number;
}

interface Begun {
  readonly waiter: string;
  readonly shard: number;
  readonly what: string;
  readonly sinceMs: number;
}

/** Keeps one entry up to date. */
export interface WaitEntry {
  attempt(number: number, placement: ShardPlacement): void;
  failed(error: ShoalError): void;
  end(): void;
}

export interface WaitList {
  begin(wait: Begun): WaitEntry;
  /** Oldest first. */
  list(): readonly ClientWait[];
}

/** Makes an empty list; it holds an entry for each exchange under way, at most a few for each shard. */
export function createWaitList(): WaitList {
  const waits = new Set<() => ClientWait>();
  return {
    begin({ waiter, shard, what, sinceMs }) {
      let waitingFor = "";
      let server = "";
      let attempt = 0;
      let reason = what;
      const describe = (): ClientWait => ({ waiter, waitingFor, shard, server, reason, sinceMs, attempt });
      waits.add(describe);
      return {
        attempt(number, { node, endpoint }) {
          attempt = number;
          server = node;
          waitingFor = `shard ${shard} on ${node} (${endpoint})`;
        },
        failed(error) {
          reason = `${what}; last attempt: ${error.message}`;
        },
        end: () => void waits.delete(describe),
      };
    },
    list: () => [...waits].map((describe) => describe()),
  };
}
