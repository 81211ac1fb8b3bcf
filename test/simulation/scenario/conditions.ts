/** What scenarios have in common: the shape of the data, how networks are, and the patience of everybody. */
import type { NetworkSettings } from "@shoal/actors";
import type { DataPlane, StoreTrouble } from "./scenario.ts";

/** Shape of the data: features and classes. Shards are cut at multiples of 16 values: these make two of one layer. */
export const scenarioShape = { features: 7, classes: 4 } as const;

export const calmBus: Partial<NetworkSettings> = { minimumDelayMs: 0.5, maximumDelayMs: 3 };
export const badBus: Partial<NetworkSettings> = { ...calmBus, dropRate: 0.03, duplicateRate: 0.05, reorderRate: 0.05 };
export const calmData: DataPlane = {
  ...{ fastestMs: 0.5, slowestMs: 4, lossRate: 0, duplicateRate: 0, strayRate: 0, longestStrayMs: 0 },
};
export const badData: DataPlane = {
  ...calmData,
  lossRate: 0.01,
  duplicateRate: 0.05,
  strayRate: 0.02,
  longestStrayMs: 500,
};
export const calmStore: StoreTrouble = { slowestMs: 2, lossRate: 0 };
export const badStore: StoreTrouble = { slowestMs: 10, lossRate: 0.02 };

/** Patience in proportion to a network of milliseconds, so that a run takes seconds. */
export const settings = {
  leaseMs: 800,
  heartbeatMs: 300,
  suspectMs: 300,
  serverHeartbeatMs: 120,
  leaderLeaseMs: 600,
  tickMs: 50,
  resendMs: 100,
  maximumResendMs: 400,
  capacityTimeoutMs: 15_000,
  stallTimeoutMs: 25_000,
} as const;
