/**
 * Pace steering: when a client comes back.
 *
 *   few clients    all at the same moment, the beginning of the next round, so that one can be formed
 *   many clients   uniformly in [d/2, 3d/2] with d = population · round / wanted, so that `wanted` come per round
 *
 * A client that can be told (it holds a subscription) need not come back to be asked: for it this is how long its
 * check-in is good for. Windows are durations from the moment of the answer: no clock is compared with another.
 *
 * Bounds  a client comes no sooner than after `leastMs`; all of them together, on average, no faster than `mostCheckInsPerSecond`,
 *         which goes before `mostMs`.
 * Source  Bonawitz et al., SysML 2019, section 2.3.
 */

export interface PaceFacts {
  /** Clients that may come, about. */
  readonly population: number;
  /** Clients wanted per round. */
  readonly wanted: number;
  /** Time from the beginning of one round to that of the next, ms. */
  readonly roundMs: number;
  /** Until the next round begins, ms. */
  readonly nextRoundInMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

export interface PaceWindow {
  readonly kind: "rendezvous" | "spread";
  readonly earliestMs: number;
  readonly latestMs: number;
  readonly reason: string;
}

/** Up to so many times the wanted clients meet: then no round has to do with fewer than it wants. */
const rendezvousFactor = 4;
/** Of the time to the rendezvous, so that a server is not asked by all in the same millisecond. */
const rendezvousJitter = 0.05;
/** Of clients that are not called: what an aggregator gives of its time to hear that they are still there. */
const mostCheckInsPerSecond = 25;
/** Of clients that are called: as fast as one can serve them beside a round. */
const mostCalledPerSecond = 500;

export function decidePace(facts: PaceFacts): PaceWindow {
  const { population, wanted, roundMs, nextRoundInMs, leastMs, mostMs } = facts;
  const apartMs = leastApartMs(population, leastMs);
  if (population <= rendezvousFactor * wanted) {
    const earliestMs = clamp(nextRoundInMs, apartMs, mostMs / (1 + rendezvousJitter));
    const latestMs = earliestMs * (1 + rendezvousJitter);
    return { kind: "rendezvous", earliestMs, latestMs, reason: `${population} clients meet for the next round` };
  }
  const meanMs = clamp((population * roundMs) / wanted, Math.max(apartMs, 2 * leastMs), mostMs / 1.5);
  const reason = `${population} clients, ${wanted} wanted a round`;
  return { kind: "spread", earliestMs: meanMs / 2, latestMs: 1.5 * meanMs, reason };
}

/** By lot, for one client. @param uniform - in [0, 1) */
export function comeBackAfterMs(
  { earliestMs, latestMs }: Pick<PaceWindow, "earliestMs" | "latestMs">,
  uniform: number,
): number {
  return earliestMs + uniform * (latestMs - earliestMs);
}

/** Between two check-ins of each of so many clients that nobody calls, on average and at least. */
export function leastApartMs(population: number, leastMs: number): number {
  return Math.max(leastMs, (1_000 * population) / mostCheckInsPerSecond);
}

/** In which so many clients come that are called, each at a moment of its own. */
export function callWithinMs(clients: number, leastMs: number): number {
  return Math.max(leastMs, (1_000 * clients) / mostCalledPerSecond);
}

/** @param leastMs - goes before `mostMs` */
function clamp(ms: number, leastMs: number, mostMs: number): number {
  return Math.max(Math.min(ms, mostMs), leastMs);
}
