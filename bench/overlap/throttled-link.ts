/** Links with the bandwidth of a network: both directions take the time that their bytes need, one message after the other. */
import type { LinkFactory } from "@shoal/protocol";

export interface Bandwidth {
  /** Bytes of a millisecond, each way; Infinity: no limit. May change between runs. */
  bytesPerMs: number;
}

/** One direction of a line: a message leaves when those before it have. */
function createLane(bandwidth: Bandwidth): (bytes: number) => Promise<void> {
  let freeAtMs = 0;
  return async (bytes) => {
    if (bandwidth.bytesPerMs === Infinity) return;
    freeAtMs = Math.max(freeAtMs, performance.now()) + bytes / bandwidth.bytesPerMs;
    // Timers are a millisecond coarse: what is too much here is not added to the next, whose time is absolute.
    while (performance.now() < freeAtMs) {
      await new Promise<void>(
        (resolve) => void setTimeout(resolve, Math.max(1, Math.floor(freeAtMs - performance.now()))),
      );
    }
  };
}

/** @param links their calls are delayed: a push before it arrives, a pull after it was answered */
export function throttle(links: LinkFactory, bandwidth: Bandwidth): LinkFactory {
  return {
    connect(endpoint, identity) {
      const link = links.connect(endpoint, identity);
      const [up, down] = [createLane(bandwidth), createLane(bandwidth)];
      return {
        initialize: (request, options) => link.initialize(request, options),
        close: () => link.close(),
        async pull(request, options) {
          const reply = await link.pull(request, options);
          await down(request.into.byteLength);
          return reply;
        },
        async push(request, options) {
          await up(request.gradient.byteLength);
          return link.push(request, options);
        },
        async pushPull(push, pull, options) {
          await up(push.gradient.byteLength);
          const reply = await link.pushPull(push, pull, options);
          await down(pull.into.byteLength);
          return reply;
        },
      };
    },
  };
}
