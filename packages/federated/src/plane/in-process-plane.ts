/**
 * The federated plane within one process: for trying a task out, and for populations that are simulated. Messages are
 * encoded and checked as over a network; who is cut off is decided by the caller.
 */
import type { Clock } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import { decodeMessage, decodeReply, encodeMessage } from "./codec.ts";
import { clientNoticeSchema } from "./reply-schemas.ts";
import { clientRequestSchema } from "./request-schema.ts";
import type { ClientNotice } from "./notices.ts";
import type { AggregatorPlane, ClientPlane } from "./plane.ts";
import type { ClientReply, ClientRequest } from "./requests.ts";

export interface InProcessPlaneOptions {
  readonly clock: Clock;
  /** Milliseconds that a message is on its way; default 0: the next turn. */
  readonly delayMs?: (client: string) => number;
  /** Whether a message gets lost; default never. */
  readonly isLost?: (client: string) => boolean;
}

export interface InProcessPlane {
  readonly aggregator: AggregatorPlane;
  /** One end for each client: a second one of the same name takes the place of the first. */
  connect(client: string): ClientPlane;
}

type Serve = (client: string, request: ClientRequest) => Promise<ClientReply>;

export function createInProcessPlane(options: InProcessPlaneOptions): InProcessPlane {
  const { clock, delayMs = () => 0, isLost = () => false } = options;
  const listeners = new Map<string, Set<(notice: ClientNotice) => void>>();
  let serving: Serve | undefined;

  const travel = (client: string, arrive: () => void): void => {
    if (!isLost(client)) clock.after(delayMs(client), arrive);
  };
  const notify = (client: string, bytes: Uint8Array): void => {
    travel(client, () => {
      for (const listen of listeners.get(client) ?? []) listen(decodeMessage(bytes, clientNoticeSchema));
    });
  };

  return {
    aggregator: {
      serve(serve) {
        serving = serve;
        return async () => {
          if (serving === serve) serving = undefined;
        };
      },
      tell(client, notice) {
        if (listeners.has(client)) notify(client, encodeMessage(notice));
      },
      tellAll(notice) {
        const bytes = encodeMessage(notice);
        for (const client of listeners.keys()) notify(client, bytes);
      },
    },
    connect(client) {
      const own = new Set<(notice: ClientNotice) => void>();
      listeners.set(client, own);
      return {
        request: (request, timeoutMs) => ask({ clock, client, travel, serve: () => serving }, request, timeoutMs),
        listen(onNotice) {
          own.add(onNotice);
          return () => own.delete(onNotice);
        },
        watch(onChange) {
          onChange(true);
          return () => undefined;
        },
        async close() {
          own.clear();
          if (listeners.get(client) === own) listeners.delete(client);
        },
      };
    },
  };
}

interface Line {
  readonly clock: Clock;
  readonly client: string;
  readonly travel: (client: string, arrive: () => void) => void;
  readonly serve: () => Serve | undefined;
}

function ask(line: Line, request: ClientRequest, timeoutMs: number): Promise<ClientReply> {
  const { clock, client, travel } = line;
  return new Promise((resolve, reject) => {
    const bytes = encodeMessage(request);
    const timer = clock.after(timeoutMs, () => {
      reject(
        new ShoalError("deadline_exceeded", `the aggregator did not answer ${request.type} within ${timeoutMs} ms`),
      );
    });
    const settle = (end: () => void): void => {
      travel(client, () => {
        timer.cancel();
        end();
      });
    };
    travel(client, () => {
      const serve = line.serve();
      if (serve === undefined) {
        settle(() => reject(new ShoalError("transport_lost", "nobody serves the task")));
        return;
      }
      void serveOne(serve, client, bytes).then(
        (reply) =>
          settle(() => {
            try {
              resolve(decodeReply(reply));
            } catch (error) {
              reject(ShoalError.from(error));
            }
          }),
        (error: unknown) => settle(() => reject(ShoalError.from(error))),
      );
    });
  });
}

async function serveOne(serve: Serve, client: string, bytes: Uint8Array): Promise<Uint8Array> {
  return encodeMessage(await serve(client, decodeMessage(bytes, clientRequestSchema)));
}
