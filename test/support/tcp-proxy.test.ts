import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startTcpProxy, windowBytes, type TcpProxy, type TcpProxyOptions } from "./tcp-proxy.ts";

const sockets: Socket[] = [];
let server: Server | undefined;
let proxy: TcpProxy | undefined;

/** A server that does this with each connection, behind a proxy. */
async function serve(handle: (socket: Socket) => void, options?: TcpProxyOptions): Promise<TcpProxy> {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on("error", () => undefined));
    handle(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await startTcpProxy((server.address() as AddressInfo).port, options);
  return proxy;
}

async function dial({ endpoint }: TcpProxy): Promise<Socket> {
  const [host = "", port = ""] = endpoint.split(":");
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  sockets.push(socket.on("error", () => undefined));
  await once(socket, "connect");
  return socket;
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const echo = (socket: Socket): void => void socket.pipe(socket);

/** Numbered, so that a lost or moved byte shows. */
function bytesOf(length: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: length / 4 }, (_, index) => index).buffer);
}

afterEach(async () => {
  await proxy?.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  proxy = server = undefined;
});

describe("a line between two peers", () => {
  it("carries every byte and the ends of both directions", async () => {
    const line = await serve(echo);
    const socket = await dial(line);
    const sent = bytesOf(3_000_000);
    socket.end(sent);
    expect((await readAll(socket)).equals(sent)).toBe(true);
    expect(line.passed).toEqual({ up: 3_000_000, down: 3_000_000 });
    expect(line.accepted).toBe(1);
  });

  it("is as slow as it is asked to be, for all connections together and each way for itself", async () => {
    const rate = { bytesPerSecond: 4_000_000, burstBytes: 65_536 };
    const line = await serve(echo, rate);
    const sent = bytesOf(600_000);
    const startedAt = performance.now();
    const both = [await dial(line), await dial(line)];
    for (const socket of both) socket.end(sent);
    for (const received of await Promise.all(both.map(readAll))) expect(received.equals(sent)).toBe(true);
    const seconds = (performance.now() - startedAt) / 1000;
    // 1.2 MB beyond the burst, and a chunk of at most 64 KiB that leaves when it begins; no upper bound on a busy machine.
    expect(seconds).toBeGreaterThan((1_200_000 - 2 * 65_536) / 4_000_000);
  });

  it("does not read a sender whose receiver does not read", async () => {
    const line = await serve((socket) => void socket.pause());
    const socket = await dial(line);
    const sent = bytesOf(64_000_000);
    let isTaken = false;
    socket.write(sent, () => (isTaken = true));
    let passed = -1;
    while (passed !== line.passed.up) {
      passed = line.passed.up;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(isTaken).toBe(false); // the rest waits at the sender: kernel buffers are of a few MB
    expect(passed).toBeLessThan(sent.length - windowBytes);
  });

  it("takes the time of its latency each way", async () => {
    const socket = await dial(await serve(echo, { latencyMs: 60 }));
    const startedAt = performance.now();
    socket.write("ping");
    await once(socket, "data");
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(118); // two timers, rounded to 1 ms each
  });

  it("says nothing any more when it is frozen, and that it is over when it is cut", async () => {
    const line = await serve(echo);
    const [frozen, gone] = [await dial(line), await dial(line)];
    gone.write("ping");
    await once(gone, "data");
    line.freeze();
    let heard = "";
    frozen.on("data", (chunk: Buffer) => (heard += String(chunk)));
    frozen.on("end", () => (heard += "over"));
    frozen.write("ping");
    gone.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard).toBe("");
    expect(line.farConnections).toBe(2); // nobody was told that one side is gone
    line.cut();
    await once(frozen, "end");
    expect(heard).toBe("over");
  });
});
