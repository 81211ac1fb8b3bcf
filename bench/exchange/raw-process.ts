/** Child process: the raw peer. Copies what is pushed into one region and serves pulls from it. */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { answerBytes, pushKind, requestBytes } from "./raw-protocol.ts";
import { sizes } from "./site.ts";

const region = Buffer.from(new SharedArrayBuffer(Math.max(...sizes)));

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  const request = Buffer.alloc(requestBytes);
  let requested = 0;
  let missing = 0;
  let length = 0;
  const answer = (): void => {
    if (request.readUInt32LE(0) === pushKind) socket.write(Buffer.alloc(answerBytes));
    else socket.write(region.subarray(0, length));
    requested = 0;
  };
  const begin = (): void => {
    length = request.readUInt32LE(4);
    missing = request.readUInt32LE(0) === pushKind ? length : 0;
    if (missing === 0) answer();
  };
  socket.on("data", (chunk: Buffer) => {
    for (let at = 0; at < chunk.length;) {
      if (missing > 0) {
        const count = Math.min(missing, chunk.length - at);
        chunk.copy(region, length - missing, at, at + count);
        missing -= count;
        at += count;
        if (missing === 0) answer();
      } else {
        const count = Math.min(requestBytes - requested, chunk.length - at);
        chunk.copy(request, requested, at, at + count);
        requested += count;
        at += count;
        if (requested === requestBytes) begin();
      }
    }
  });
  socket.on("error", () => undefined);
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => process.send?.(String((server.address() as AddressInfo).port)));
process.on("disconnect", () => process.exit());
