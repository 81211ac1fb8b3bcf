/**
 * Pace steering: when a client comes back.
 *
 *   few clients    all at the same moment, the beginning of the next round, so that one can be formed
 *   many clients   uniformly in [d/2, 3d/2] with d = population · round / wanted, so that `wanted` come per round
 *
 * A client that can be told (it holds a subscription) need not come back to be asked: for it this is how long its
 * check-in is good for. Windows are durations from the moment of the answer: no clock is compared with another.
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

export function decidePace(facts: PaceFacts): PaceWindow {
  const { population, wanted, roundMs, nextRoundInMs } = facts;
  if (population <= rendezvousFactor * wanted) {
    const atMs = clamp(nextRoundInMs, facts);
    const latestMs = Math.max(atMs, Math.min(atMs * (1 + rendezvousJitter), facts.mostMs));
    return { kind: "rendezvous", earliestMs: atMs, latestMs, reason: `${population} clients meet for the next round` };
  }
  const meanMs = (population * roundMs) / wanted;
  const earliestMs = clamp(meanMs / 2, facts);
  const latestMs = Math.max(earliestMs, clamp(1.5 * meanMs, facts));
  return { kind: "spread", earliestMs, latestMs, reason: `${population} clients, ${wanted} wanted a round` };
}

/** The client's own draw. @param uniform - in [0, 1) */
export function comeBackAfterMs({ earliestMs, latestMs }: PaceWindow, uniform: number): number {
  return earliestMs + uniform * (latestMs - earliestMs);
}

function clamp(ms: number, { leastMs, mostMs }: PaceFacts): number {
  return Math.min(Math.max(ms, leastMs), mostMs);
}
