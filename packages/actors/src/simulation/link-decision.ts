/** What a simulated network does with one envelope. */

export interface NetworkSettings {
  /** Shortest way from node to node, ms: 1 by default. */
  readonly minimumDelayMs: number;
  /** Longest way, ms: 5 by default. */
  readonly maximumDelayMs: number;
  /** Probability that an envelope is lost: 0 by default. */
  readonly dropRate: number;
  /** Probability that an envelope arrives twice: 0 by default. */
  readonly duplicateRate: number;
  /** Probability that an envelope may overtake those sent before it: 0 by default, as on a real bus. */
  readonly reorderRate: number;
}

export const defaultNetworkSettings: NetworkSettings = {
  minimumDelayMs: 1,
  maximumDelayMs: 5,
  dropRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
};

export type LinkDecision =
  | { readonly kind: "drop"; readonly reason: "partitioned" | "lost" }
  | { readonly kind: "deliver"; readonly arrivals: readonly number[]; readonly reason: "in order" | "reordered" };

export interface LinkState {
  readonly isPartitioned: boolean;
  /** Latest arrival that was decided for this pair of nodes, clock time. */
  readonly latestArrival: number;
}

/**
 * Decides about one envelope.
 * @param draw - gives numbers in [0, 1); five are drawn whatever is decided, so that the later ones do not depend on it
 */
export function decideLink(state: LinkState, settings: NetworkSettings, draw: () => number, now: number): LinkDecision {
  const [loss, duplicate, reorder, delay, secondDelay] = [draw(), draw(), draw(), draw(), draw()];
  if (state.isPartitioned) return { kind: "drop", reason: "partitioned" };
  if (loss < settings.dropRate) return { kind: "drop", reason: "lost" };
  const { minimumDelayMs, maximumDelayMs } = settings;
  const arrivalAfter = (fraction: number): number =>
    now + minimumDelayMs + fraction * (maximumDelayMs - minimumDelayMs);
  const isReordered = reorder < settings.reorderRate;
  const first = isReordered ? arrivalAfter(delay) : Math.max(state.latestArrival, arrivalAfter(delay));
  const arrivals = duplicate < settings.duplicateRate ? [first, Math.max(first, arrivalAfter(secondDelay))] : [first];
  return { kind: "deliver", arrivals, reason: isReordered ? "reordered" : "in order" };
}
