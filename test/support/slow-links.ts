/** Links whose messages take their time and get lost, on any clock. */
import type { Clock, Random } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { CallOptions, LinkFactory, ParameterLink } from "@shoal/protocol";

export interface SlowLinkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** A message takes up to so long. */
  readonly delayMs: number;
  /** Share of requests that are lost, and of replies. */
  readonly lossRate: number;
}

/** A lost message is noticed like a broken connection. */
export function slowLinks(links: LinkFactory, options: SlowLinkOptions): LinkFactory {
  const { clock, random, delayMs, lossRate } = options;
  const passes = async (what: string, signal: AbortSignal | undefined): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ended = (): void => reject(ShoalError.from(signal?.reason));
    if (signal?.aborted === true) ended();
    signal?.addEventListener("abort", ended, { once: true });
    const timer = clock.after(random.uniform() * delayMs, resolve);
    await promise.finally(() => timer.cancel());
    signal?.removeEventListener("abort", ended);
    if (random.uniform() < lossRate) throw new ShoalError("transport_lost", `the ${what} was lost`);
  };
  const carry = async <R>({ signal }: CallOptions, call: () => Promise<R>): Promise<R> => {
    await passes("request", signal);
    const reply = await call();
    await passes("reply", signal);
    return reply;
  };
  return {
    connect(endpoint, identity): ParameterLink {
      const link = links.connect(endpoint, identity);
      return {
        initialize: (request, call) => carry(call, () => link.initialize(request, call)),
        push: (request, call) => carry(call, () => link.push(request, call)),
        pull: (request, call) => carry(call, () => link.pull(request, call)),
        pushPull: (push, pull, call) => carry(call, () => link.pushPull(push, pull, call)),
        close: () => link.close(),
      };
    },
  };
}

/** Every exchange takes the same time: training lasts, and there is a middle to disturb it in. */
export function delayedLinks(links: LinkFactory, clock: Clock, ms: number): LinkFactory {
  const way = <R>(call: () => Promise<R>): Promise<R> =>
    new Promise<void>((resolve) => void clock.after(ms, resolve)).then(call);
  return {
    connect(endpoint, identity): ParameterLink {
      const link = links.connect(endpoint, identity);
      return {
        initialize: (request, options) => way(() => link.initialize(request, options)),
        push: (request, options) => way(() => link.push(request, options)),
        pull: (request, options) => way(() => link.pull(request, options)),
        pushPull: (push, pull, options) => way(() => link.pushPull(push, pull, options)),
        close: () => link.close(),
      };
    },
  };
}
