/**
 * Passes WebSockets that come to the page's own port on to the nats-server of `shoal edge`, byte by byte: one port for
 * page and messages, one origin, one certificate.
 */
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";

/** Headers of the handshake that nats-server needs; no other is passed on. */
const passedOn = ["sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"];

/** @param head - what came behind the request's head @param door - `ws://HOST:PORT` of nats-server */
export function tunnel(request: IncomingMessage, socket: Duplex, head: Buffer, door: string): void {
  const { hostname, port, host } = new URL(door);
  const far = connect({ host: hostname, port: Number(port) });
  const end = (): void => {
    far.destroy();
    socket.destroy();
  };
  for (const side of [far, socket]) side.on("error", end).on("close", end);
  far.on("connect", () => {
    far.setNoDelay(true);
    // Always "/": nats-server has other doors (leaf nodes, MQTT) at other paths.
    far.write(`${["GET / HTTP/1.1", `Host: ${host}`, ...handshake(request)].join("\r\n")}\r\n\r\n`);
    if (head.length > 0) far.write(head);
    far.pipe(socket);
    socket.pipe(far);
  });
}

function handshake({ headers }: IncomingMessage): readonly string[] {
  const own = passedOn.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [`${name}: ${value}`] : [];
  });
  return ["Upgrade: websocket", "Connection: Upgrade", ...own];
}

/** @param status - such as "403 Forbidden" */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on("error", () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
