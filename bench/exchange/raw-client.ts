/** The calling end of the raw peer: payloads go out as they lie, and come straight into their destination. */
import { once } from "node:events";
import { connect } from "node:net";
import { answerBytes, pullKind, pushKind, requestBytes } from "./raw-protocol.ts";

export interface RawClient {
  push(payload: Uint8Array): Promise<void>;
  pull(into: Uint8Array): Promise<void>;
  close(): void;
}

interface Expected {
  readonly into: Uint8Array;
  readonly resolve: () => void;
  received: number;
}

export async function connectRaw(port: number): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const expected: Expected[] = [];
  socket.on("data", (chunk: Buffer) => {
    for (let at = 0; at < chunk.length;) {
      const [next] = expected;
      if (next === undefined) throw new Error("the raw peer says more than it was asked");
      const count = Math.min(next.into.length - next.received, chunk.length - at);
      chunk.copy(next.into, next.received, at, at + count);
      next.received += count;
      at += count;
      if (next.received === next.into.length) {
        expected.shift();
        next.resolve();
      }
    }
  });
  const request = (kind: number, length: number, payload: Uint8Array | undefined, into: Uint8Array): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    expected.push({ into, resolve, received: 0 });
    const head = Buffer.alloc(requestBytes);
    head.writeUInt32LE(kind, 0);
    head.writeUInt32LE(length, 4);
    socket.cork();
    socket.write(head);
    if (payload !== undefined) socket.write(payload);
    socket.uncork();
    return promise;
  };
  return {
    push: (payload) => request(pushKind, payload.length, payload, Buffer.alloc(answerBytes)),
    pull: (into) => request(pullKind, into.length, undefined, into),
    close: () => socket.destroy(),
  };
}
