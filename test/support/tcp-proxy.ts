/**
 * A line between two peers that can be counted, slowed down, frozen and cut.
 *
 * Bounds  `windowBytes` (256 KiB), and one chunk more, of each direction of a connection; beyond that its sender is not
 *         read, so that the back-pressure is TCP's.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { createLane, type Lane } from "./line-lane.ts";

export interface TcpProxy {
  /** `host:port` */
  readonly endpoint: string;
  /** Connections that stand now: on the side that connects, and on the side that listens. */
  readonly connections: number;
  readonly farConnections: number;
  /** Connections that were ever made. */
  readonly accepted: number;
  /** Bytes that have passed: from the side that connects, and to it. */
  readonly passed: { readonly up: number; readonly down: number };
  /** From now on nothing passes, not even that one side is gone: half-open lines. */
  freeze(): void;
  /** Ends a freeze: lines that are made from now on carry again; those that were frozen have lost bytes and are broken. */
  mend(): void;
  /** From now on at most so many bytes a second pass each way. */
  slow(bytesPerSecond: number): void;
  /** Breaks every line. */
  cut(): void;
  close(): Promise<void>;
}

export interface TcpProxyOptions {
  /** Where it listens; default loopback. */
  readonly host?: string;
  /** Of all connections together, each way for itself; default no limit. */
  readonly bytesPerSecond?: number;
  /** What may leave at once after a pause; default 64 KiB. */
  readonly burstBytes?: number;
  /** Added each way; default 0. */
  readonly latencyMs?: number;
}

export const windowBytes = 256 * 1024;

interface Direction {
  readonly lane: Lane;
  readonly latencyMs: number;
  readonly isFrozen: () => boolean;
  readonly count: (bytes: number) => void;
}

/** @param port on loopback, where it leads to */
export async function startTcpProxy(port: number, options: TcpProxyOptions = {}): Promise<TcpProxy> {
  const { host = "127.0.0.1", bytesPerSecond = Infinity, burstBytes = 64 * 1024, latencyMs = 0 } = options;
  const sockets = new Set<Socket>();
  const passed = { up: 0, down: 0 };
  let accepted = 0;
  let connections = 0;
  let farConnections = 0;
  let frozen = false;
  const direction = (name: "up" | "down"): Direction => ({
    lane: createLane({ bytesPerSecond, burstBytes }),
    latencyMs,
    isFrozen: () => frozen,
    count: (bytes) => (passed[name] += bytes),
  });
  const [up, down] = [direction("up"), direction("down")];
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    accepted++;
    connections++;
    farConnections++;
    near.on("close", () => connections--);
    far.on("close", () => farConnections--);
    for (const [socket, other, way] of [
      [near, far, up],
      [far, near, down],
    ] as const) {
      relay(socket, other, way);
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        // Not before what is under way has arrived: an end came first then, and the other ends after it.
        if (!frozen && !socket.readableEnded) other.destroy();
      });
    }
  });
  server.listen(0, host);
  await once(server, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    endpoint: `${host}:${(server.address() as AddressInfo).port}`,
    passed,
    get connections() {
      return connections;
    },
    get farConnections() {
      return farConnections;
    },
    get accepted() {
      return accepted;
    },
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.resume();
    },
    mend() {
      frozen = false;
      cut();
    },
    slow(rate) {
      for (const { lane } of [up, down]) lane.limit(rate);
    },
    cut,
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

/** Reads from one socket and writes to the other, in the lane's time; `latencyMs` later each chunk is there. */
function relay(from: Socket, to: Socket, { lane, latencyMs, isFrozen, count }: Direction): void {
  let held = 0;
  const arrive = (what: () => void): void => {
    const now = (): void => {
      if (!isFrozen()) what();
    };
    if (latencyMs === 0) now();
    else setTimeout(now, latencyMs);
  };
  const written = (bytes: number): void => {
    held -= bytes;
    if (held <= windowBytes / 2 && from.isPaused()) from.resume();
  };
  from.on("data", (chunk: Buffer) => {
    if (isFrozen()) return;
    held += chunk.length;
    if (held >= windowBytes) from.pause();
    lane.pass(chunk.length, () => {
      count(chunk.length);
      arrive(() => void to.write(chunk, () => written(chunk.length)));
    });
  });
  from.on("end", () => {
    if (isFrozen()) from.destroy();
    else lane.pass(0, () => arrive(() => void to.end()));
  });
}
