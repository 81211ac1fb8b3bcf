/** A link that loses messages: a request that never arrives, or a reply that never comes back. */
import type { Random } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { ParameterLink } from "@shoal/protocol";

export interface Losses {
  requests: number;
  replies: number;
}

/**
 * Every lost message ends its call as its deadline would, at once: nobody need wait for the time to pass.
 * @param rate share of messages that are lost, 0…1; requests and replies alike
 * @param losses counts what was lost
 */
export function createLossyLink(link: ParameterLink, random: Random, rate: number, losses: Losses): ParameterLink {
  const lost = (what: string): ShoalError => new ShoalError("deadline_exceeded", `the ${what} was lost`);
  const carry = async <R>(call: () => Promise<R>): Promise<R> => {
    if (random.uniform() < rate) {
      losses.requests += 1;
      throw lost("request");
    }
    const reply = await call();
    if (random.uniform() >= rate) return reply;
    losses.replies += 1;
    throw lost("reply");
  };
  return {
    initialize: (request, options) => carry(() => link.initialize(request, options)),
    push: (request, options) => carry(() => link.push(request, options)),
    pull: (request, options) => carry(() => link.pull(request, options)),
    pushPull: (push, pull, options) => carry(() => link.pushPull(push, pull, options)),
    close: () => link.close(),
  };
}
