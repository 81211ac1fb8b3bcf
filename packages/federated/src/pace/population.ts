/**
 * How many clients there are, from their check-ins alone: λ · d, arrivals a ms times the mean delay that they were told
 * (Little's law), both as averages that fade, so that night and day are followed.
 */

export interface PopulationEstimate {
  readonly asOfMs: number;
  readonly beganAtMs: number;
  /** Arrivals, faded. */
  readonly arrivals: number;
  /** Sum of their delays, faded likewise, ms. */
  readonly delaysMs: number;
}

export function startEstimate(nowMs: number): PopulationEstimate {
  return { asOfMs: nowMs, beganAtMs: nowMs, arrivals: 0, delaysMs: 0 };
}

/** A client came that was told to come after `delayMs`; one that is new counts with the delay that it is told now. */
export function countArrival(
  estimate: PopulationEstimate,
  delayMs: number,
  nowMs: number,
  halfLifeMs: number,
): PopulationEstimate {
  const { arrivals, delaysMs } = fade(estimate, nowMs, halfLifeMs);
  return { ...estimate, asOfMs: nowMs, arrivals: arrivals + 1, delaysMs: delaysMs + delayMs };
}

/** Clients, about; 0 before the first arrival. */
export function estimatePopulation(estimate: PopulationEstimate, nowMs: number, halfLifeMs: number): number {
  const { arrivals, delaysMs } = fade(estimate, nowMs, halfLifeMs);
  if (arrivals === 0) return 0;
  // Time that a faded sum stands for: all of it, faded likewise.
  const decay = Math.LN2 / halfLifeMs;
  const spanMs = (1 - Math.exp(-decay * Math.max(nowMs - estimate.beganAtMs, 1))) / decay;
  return (arrivals / spanMs) * (delaysMs / arrivals);
}

function fade(
  { arrivals, delaysMs, asOfMs }: PopulationEstimate,
  nowMs: number,
  halfLifeMs: number,
): { readonly arrivals: number; readonly delaysMs: number } {
  const kept = 2 ** (-Math.max(0, nowMs - asOfMs) / halfLifeMs);
  return { arrivals: arrivals * kept, delaysMs: delaysMs * kept };
}
