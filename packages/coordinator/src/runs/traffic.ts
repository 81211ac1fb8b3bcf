/** What the workers of a run sent and received, added up in bounded space. */
import type { Traffic, TrafficStatus } from "@shoal/protocol";
import { noUnsent, unsentStatus, type RunUnsent } from "./unsent.ts";

interface MovedBin {
  readonly atMs: number;
  readonly pushed: number;
  readonly pulled: number;
}

export interface RunTraffic {
  readonly total: Traffic;
  /** Bytes as they were written; newest last; at most the window's length divided by {@link binMs}, plus one. */
  readonly window: readonly MovedBin[];
  readonly unsent: RunUnsent;
}

/** Reports within this many milliseconds are added into one bin. */
export const binMs = 100;

export const noTraffic: RunTraffic = {
  total: { pushedBefore: 0, pushedAfter: 0, pulledBefore: 0, pulledAfter: 0, errorSum: 0, errors: 0 },
  window: [],
  unsent: noUnsent,
};

/** Adds what one report says. */
export function addTraffic(
  { total, window, unsent }: RunTraffic,
  added: Traffic | undefined,
  now: number,
  windowMs: number,
): RunTraffic {
  if (added === undefined) return { total, window, unsent };
  const bins = window.filter((bin) => bin.atMs > now - windowMs);
  const last = bins.at(-1);
  const begun = last !== undefined && now - last.atMs < binMs ? last : { atMs: now, pushed: 0, pulled: 0 };
  const kept = begun === last ? bins.slice(0, -1) : bins;
  const newest = {
    atMs: begun.atMs,
    pushed: begun.pushed + added.pushedAfter,
    pulled: begun.pulled + added.pulledAfter,
  };
  return {
    total: {
      pushedBefore: total.pushedBefore + added.pushedBefore,
      pushedAfter: total.pushedAfter + added.pushedAfter,
      pulledBefore: total.pulledBefore + added.pulledBefore,
      pulledAfter: total.pulledAfter + added.pulledAfter,
      errorSum: total.errorSum + added.errorSum,
      errors: total.errors + added.errors,
    },
    window: [...kept, newest],
    unsent,
  };
}

/**
 * Rates over the window while training, over everything once `ended`; null before anything was moved.
 * @param sinceMs when training began
 * @param isThere whether a worker takes part in this life; default: all do
 */
export function trafficStatus(
  { total, window, unsent }: RunTraffic,
  sinceMs: number,
  endedAtMs: number | null,
  now: number,
  windowMs: number,
  isThere: Parameters<typeof unsentStatus>[1] = () => true,
): TrafficStatus | null {
  if (total.pushedBefore + total.pulledBefore === 0) return null;
  const from = endedAtMs === null ? Math.max(sinceMs, now - windowMs) : sinceMs;
  const seconds = Math.max(0, (endedAtMs ?? now) - from) / 1000;
  const bins = window.filter(({ atMs }) => atMs > from);
  const pushed = endedAtMs === null ? bins.reduce((sum, bin) => sum + bin.pushed, 0) : total.pushedAfter;
  const left = unsentStatus(unsent, isThere);
  const pulled = endedAtMs === null ? bins.reduce((sum, bin) => sum + bin.pulled, 0) : total.pulledAfter;
  return {
    pushedBytesPerSecond: seconds === 0 ? 0 : pushed / seconds,
    pulledBytesPerSecond: seconds === 0 ? 0 : pulled / seconds,
    total,
    ...(left && { unsent: left }),
  };
}
