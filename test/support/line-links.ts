/** Links over one line of a given bandwidth, in the time of an injected clock: all workers share it, each way for itself. */
import type { Clock } from "@shoal/actors";
import type { LinkFactory, ParameterLink, PullReply, PullRequest } from "@shoal/protocol";

export interface Line {
  readonly clock: Clock;
  readonly bytesPerSecond: number;
  /** Time that each message takes beside its bytes, ms. */
  readonly latencyMs: number;
}

/** 100 Mbit/s. */
export const hundredMegabits = 12_500_000;

/** What every message takes beside its vector: headers of frames, HTTP/2 and TCP. */
const headerBytes = 200;

/** @param links their calls are delayed: a push before it arrives, a pull after it was answered */
export function overLine(links: LinkFactory, line: Line): LinkFactory {
  const [up, down] = [createLane(line), createLane(line)];
  return {
    connect(endpoint, identity): ParameterLink {
      const link = links.connect(endpoint, identity);
      return {
        async initialize(request, options) {
          await up(request.values.byteLength);
          return link.initialize(request, options);
        },
        async push(request, options) {
          await up(request.gradient.byteLength);
          return link.push(request, options);
        },
        async pull(request, options) {
          const reply = await link.pull(request, options);
          await down(replyBytes(reply, request));
          return reply;
        },
        async pushPull(push, pull, options) {
          await up(push.gradient.byteLength);
          const reply = await link.pushPull(push, pull, options);
          await down(replyBytes(reply.pull, pull));
          return reply;
        },
        close: () => link.close(),
      };
    },
  };
}

/** One direction: a message leaves when those before it have. */
function createLane({ clock, bytesPerSecond, latencyMs }: Line): (bytes: number) => Promise<void> {
  let freeAtMs = 0;
  return (bytes) => {
    freeAtMs = Math.max(freeAtMs, clock.now()) + (1000 * (bytes + headerBytes)) / bytesPerSecond;
    const delayMs = freeAtMs + latencyMs - clock.now();
    return new Promise((resolve) => void clock.after(delayMs, resolve));
  };
}

function replyBytes({ form }: PullReply, { into, difference }: PullRequest): number {
  if (form === "unchanged") return 0;
  return form === "difference" ? (difference?.byteLength ?? 0) : into.byteLength;
}
