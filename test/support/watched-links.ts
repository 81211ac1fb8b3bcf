/** Links that count what goes over them, and links that lose some of it. */
import { createRandom } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { CallOptions, LinkFactory, ParameterLink } from "@shoal/protocol";

export interface CallCounts {
  calls: number;
  /** What was asked for: a retry of a push repeats the very same request. */
  readonly requests: Set<unknown>;
}

/** Counts calls, and the exchanges that they are attempts of. */
export function countCalls(links: LinkFactory, counts: CallCounts): LinkFactory {
  const failed = new Set<string>();
  return surround(links, async (request, _options, call) => {
    counts.calls += 1;
    const pull = pullOf(request);
    // The request of a pull is made anew for each attempt: it is a retry when the one before it failed.
    if (pull === undefined || !failed.delete(pull)) counts.requests.add(request);
    try {
      return await call();
    } catch (error) {
      if (pull !== undefined) failed.add(pull);
      throw error;
    }
  });
}

const pullOf = (request: unknown): string | undefined =>
  typeof request === "object" && request !== null && "pull" in request ? String(request.pull) : undefined;

export interface ByteCounts {
  pushed: number;
  pulled: number;
}

/** Counts the float32 bytes of the vectors that are pushed and pulled, retries included. */
export function countBytes(links: LinkFactory, counts: ByteCounts): LinkFactory {
  return {
    connect(endpoint, identity): ParameterLink {
      const link = links.connect(endpoint, identity);
      return {
        initialize: (request, options) => link.initialize(request, options),
        push(request, options) {
          counts.pushed += request.gradient.byteLength;
          return link.push(request, options);
        },
        pull(request, options) {
          counts.pulled += request.into.byteLength;
          return link.pull(request, options);
        },
        pushPull(push, pull, options) {
          counts.pushed += push.gradient.byteLength;
          counts.pulled += pull.into.byteLength;
          return link.pushPull(push, pull, options);
        },
        close: () => link.close(),
      };
    },
  };
}

export interface Losses {
  requests: number;
  replies: number;
}

/** Loses a share of all requests before, and of all replies after, they reach the shard; the caller hears nothing. */
export function loseCalls(links: LinkFactory, share: number, losses: Losses): LinkFactory {
  const random = createRandom("losses");
  return surround(links, async (_request, { deadlineMs }, call) => {
    const silence = new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new ShoalError("deadline_exceeded", "lost on the way")), deadlineMs);
    });
    silence.catch(() => undefined);
    if (random.uniform() < share) {
      losses.requests += 1;
      return silence;
    }
    const reply = await call();
    if (random.uniform() >= share) return reply;
    losses.replies += 1;
    return silence;
  });
}

type Around = <R>(request: unknown, options: CallOptions, call: () => Promise<R>) => Promise<R>;

function surround(links: LinkFactory, around: Around): LinkFactory {
  return {
    connect(endpoint, identity): ParameterLink {
      const link = links.connect(endpoint, identity);
      return {
        initialize(request, options) {
          // The one request that is made anew for each attempt: a worker gives a shard its first values once.
          const key = `initialize shard ${request.shard} by ${identity.name}`;
          return around(key, options, () => link.initialize(request, options));
        },
        push: (request, options) => around(request, options, () => link.push(request, options)),
        pull(request, options) {
          const of = `clock ${request.clock} of shard ${request.shard} for ${identity.name}`;
          return around({ pull: of }, options, () => link.pull(request, options));
        },
        pushPull: (push, pull, options) => around(push, options, () => link.pushPull(push, pull, options)),
        close: () => link.close(),
      };
    },
  };
}
