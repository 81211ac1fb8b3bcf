/** How long whoever was cut off waits before it tries again. */
import type { Random } from "@shoal/actors/browser";

const leastDelayMs = 250;
const growingFromMs = 500;
const mostDelayMs = 30_000;

/**
 * Full jitter: clients that were cut off together do not come back together.
 * @param tries - in vain so far
 * @param leastMs - of the wait
 * @returns ms
 */
export function reconnectDelayMs(tries: number, random: Random, leastMs: number = leastDelayMs): number {
  return leastMs + random.uniform() * Math.min(mostDelayMs, growingFromMs * 2 ** tries);
}
