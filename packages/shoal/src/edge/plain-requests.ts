/**
 * Whoever speaks plain http to a port for https is told so, instead of being cut off without a word: the first byte of a
 * connection says which of the two it is, before TLS sees it.
 *
 * Bounds  the first byte has `patienceMs` to come; who was answered is cut off when it has gone, at the latest after `lingerMs`.
 * Source  RFC 8446, section 5.1: the first record of a connection is a handshake, 22.
 */
import type { Server } from "node:https";
import type { Socket } from "node:net";
import { isOwnHost, type HostRules } from "./response-headers.ts";

export interface PlainRequestOptions {
  readonly rules: HostRules;
  readonly patienceMs: number;
}

const handshakeRecord = 22;
/** Closing at once would reset the connection of who still sends, and take the answer with it. */
const lingerMs = 2_000;

/** @param server - for whose connections nobody else listens yet @returns the same one */
export function refusePlainRequests(server: Server, options: PlainRequestOptions): Server {
  const secure = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const cut = (): void => void socket.destroy();
    socket.on("error", cut).setTimeout(options.patienceMs, cut);
    socket.once("data", (first: Buffer) => {
      socket.setTimeout(0, cut);
      if (first[0] !== handshakeRecord) return refuse(socket, first, options.rules);
      // TLS takes it from the socket's buffer.
      socket.pause();
      socket.unshift(first);
      for (const listener of secure) listener.call(server, socket);
    });
  });
  return server;
}

function refuse(socket: Socket, first: Buffer, rules: HostRules): void {
  const body = `${plainRequestSentence(first.toString("latin1"), rules)}\n`;
  const head = [
    "HTTP/1.1 400 Bad Request",
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    "X-Content-Type-Options: nosniff",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
}

/** @param request - its beginning, as far as it has come */
function plainRequestSentence(request: string, rules: HostRules): string {
  const [, host] = /\r\nhost:[ \t]*([^\s]+)[ \t]*\r\n/i.exec(request) ?? [];
  const address = isOwnHost(host, rules)
    ? `https://${host ?? ""}/`
    : "the same address with https:// instead of http://";
  return `This port speaks https, and this request was plain http: open ${address}`;
}
