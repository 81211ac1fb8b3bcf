/**
 * A staleness bound that follows the time that workers wait at it.
 *
 * Over a window of pulls, waiting = Σ waited time / (elapsed time · workers). Above the job's share the bound grows by
 * one; below half of it the bound shrinks by one, never below the job's staleness: between the two it stays, so that it
 * does not swing. Stale synchronous parallel (Ho et al., NIPS 2013) holds throughout with the maximum.
 */
import type { AdaptiveBound } from "@shoal/protocol";

export interface BoundFacts {
  readonly current: number;
  /** The job's staleness: the least. */
  readonly least: number;
  readonly settings: AdaptiveBound;
  /** Time that pulls waited at the bound within the window, over all workers, ms. */
  readonly waitedMs: number;
  readonly elapsedMs: number;
  readonly workers: number;
}

export interface BoundDecision {
  readonly kind: "raise" | "lower" | "keep";
  readonly bound: number;
  readonly reason: string;
}

export function decideBound(facts: BoundFacts): BoundDecision {
  const { current, least, settings, waitedMs, elapsedMs, workers } = facts;
  if (elapsedMs <= 0 || workers < 1) return { kind: "keep", bound: current, reason: "no time has passed" };
  const share = waitedMs / (elapsedMs * workers);
  const said = `workers waited ${(100 * share).toFixed(1)} % of the time`;
  if (share > settings.waiting && current < Math.max(least, settings.maximum)) {
    return { kind: "raise", bound: current + 1, reason: `${said}, more than ${100 * settings.waiting} %` };
  }
  if (share < settings.waiting / 2 && current > least) {
    return { kind: "lower", bound: current - 1, reason: `${said}, less than half of ${100 * settings.waiting} %` };
  }
  return { kind: "keep", bound: current, reason: said };
}

/** The bound of one shard. */
export interface Bound {
  readonly current: number;
  /** Goes on from where a snapshot was, as far as the job's settings allow. */
  restore(bound: number): void;
  /** A wait at the bound ends. @param sinceMs clock time at which it began, ms; @param now clock time, ms */
  waited(sinceMs: number, now: number): void;
  /**
   * Called after each update.
   * @param workers that take part; @param now clock time, ms; @param pending since when each of those waits who wait now
   * @returns what has changed; undefined when nothing has
   */
  look(workers: number, now: number, pending: () => readonly number[]): BoundDecision | undefined;
}

/** Updates for each worker that make up one window. */
const updatesPerWorker = 4;

/** @param settings undefined: the bound never moves */
export function createBound(least: number, settings: AdaptiveBound | undefined): Bound {
  let current = least;
  let updates = 0;
  let waitedMs = 0;
  let windowAtMs: number | undefined;
  /** What of a wait lies in the window. */
  const partOf = (sinceMs: number, now: number): number => now - Math.max(sinceMs, windowAtMs ?? now);
  return {
    get current() {
      return current;
    },
    restore(bound) {
      current = Math.min(Math.max(least, bound), Math.max(least, settings?.maximum ?? least));
    },
    waited(sinceMs, now) {
      waitedMs += partOf(sinceMs, now);
    },
    look(workers, now, pending) {
      if (settings === undefined) return undefined;
      windowAtMs ??= now;
      updates += 1;
      if (updates < updatesPerWorker * Math.max(1, workers) || now === windowAtMs) return undefined;
      const elapsedMs = now - windowAtMs;
      for (const sinceMs of pending()) waitedMs += partOf(sinceMs, now);
      const decision = decideBound({ current, least, settings, waitedMs, elapsedMs, workers });
      [updates, waitedMs, windowAtMs] = [0, 0, now];
      current = decision.bound;
      return decision.kind === "keep" ? undefined : decision;
    },
  };
}
