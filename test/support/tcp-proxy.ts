/** A line between two peers that can be counted, slowed down, frozen and cut. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpProxy {
  /** `127.0.0.1:port` */
  readonly endpoint: string;
  /** Connections that stand now: on the side that connects, and on the side that listens. */
  readonly connections: number;
  readonly farConnections: number;
  /** Connections that were ever made. */
  readonly accepted: number;
  /** From now on nothing passes, not even that one side is gone: half-open lines. */
  freeze(): void;
  /** Ends a freeze: lines that are made from now on carry again; those that were frozen have lost bytes and are broken. */
  mend(): void;
  /** From now on at most so many bytes a millisecond pass each way of a line. */
  slow(bytesPerMs: number): void;
  /** Breaks every line. */
  cut(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let connections = 0;
  let farConnections = 0;
  let frozen = false;
  let bytesPerMs = Number.POSITIVE_INFINITY;
  const server = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port });
    accepted++;
    connections++;
    farConnections++;
    near.on("close", () => connections--);
    far.on("close", () => farConnections--);
    carry(near, far, () => bytesPerMs);
    carry(far, near, () => bytesPerMs);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        if (!frozen) other.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
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
      bytesPerMs = 0;
    },
    mend() {
      frozen = false;
      bytesPerMs = Number.POSITIVE_INFINITY;
      cut();
    },
    slow(rate) {
      bytesPerMs = rate;
    },
    cut,
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

/** @param rate bytes a millisecond; 0: what comes is dropped without a word */
function carry(from: Socket, to: Socket, rate: () => number): void {
  from.on("data", (chunk) => {
    const bytesPerMs = rate();
    if (bytesPerMs === 0) return;
    const flows = to.write(chunk);
    if (Number.isFinite(bytesPerMs)) {
      from.pause();
      setTimeout(() => from.resume(), chunk.length / bytesPerMs);
    } else if (!flows) {
      from.pause();
      to.once("drain", () => from.resume());
    }
  });
  from.on("end", () => {
    if (rate() > 0) to.end();
  });
}
