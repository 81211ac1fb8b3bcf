/** A request that has been answered with an error while its payload is still to come: the payload is dropped. */
import { beginTransfer, continueTransfer, type RequestHead } from "@shoal/protocol";
import type { ServerRequest } from "./server-request.ts";

export function createRefusedRequest({ request, totalBytes }: RequestHead): ServerRequest {
  let received = 0;
  return {
    request,
    begin(payloadBytes) {
      received = beginTransfer(totalBytes, payloadBytes);
      return "discard";
    },
    next(offset, payloadBytes) {
      received = continueTransfer(received, totalBytes, offset, payloadBytes);
      return "discard";
    },
    frameEnd: () => received === totalBytes,
    drop: () => undefined,
  };
}
