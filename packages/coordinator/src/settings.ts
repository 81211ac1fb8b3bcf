/** Everything about the coordinator's patience and bounds that can be set; times in milliseconds. */

export interface CoordinatorSettings {
  /** A member that is silent for so long is lost: 2,000. */
  readonly leaseMs: number;
  /** How often members are asked to send a heartbeat: 500. */
  readonly heartbeatMs: number;
  /** A server that is silent for so long is suspected: shards that have another copy go on with that one. 400. */
  readonly suspectMs: number;
  /** How often servers are asked to send a heartbeat: 100. */
  readonly serverHeartbeatMs: number;
  /** A coordinator that has not renewed its lead for so long is replaced by one that waits: 1,500. */
  readonly leaderLeaseMs: number;
  /** Copies of each shard beside its primary, where the job does not say: 0. */
  readonly replicas: number;
  /** How often a shard may move to another server to even out their load; 0, the default: never. */
  readonly balanceMs: number;
  /** How long a key range must have been hotter than a server's share before the run is cut anew; 0, the default: never. */
  readonly splitMs: number;
  /** A run is cut when the rest of it lasts so many times as long as its start: 20. */
  readonly splitWorth: number;
  /** How long a run whose batches are leased may stand still to be cut: 60,000. */
  readonly restMs: number;
  /** Interval of the reconciliation between events: 100. */
  readonly tickMs: number;
  /** First interval after which an unanswered command is sent again: 250. It doubles up to `maximumResendMs`. */
  readonly resendMs: number;
  /** 2,000. */
  readonly maximumResendMs: number;
  /** How long a server may take to host its shards or to note a change of members: 30,000. */
  readonly serverTimeoutMs: number;
  /** How long a server may be filled with a copy without anything more of it having come: 30,000. */
  readonly fillStallMs: number;
  /** How long it may take at most until it has caught up, beside what the size of the copy takes over a slow line: 180,000. */
  readonly fillLimitMs: number;
  /** How long a worker may take to load the data and start: 300,000. */
  readonly startTimeoutMs: number;
  /** How long a worker may take to note a change of its work: 30,000. */
  readonly assignTimeoutMs: number;
  /** How long a worker may take to measure the final parameters and write the model: 300,000. */
  readonly finishTimeoutMs: number;
  /** How long members of an ended run are told to clean up: 10,000. */
  readonly cleanupTimeoutMs: number;
  /** How long a run at the head of the queue waits for missing members: 600,000. */
  readonly gatherTimeoutMs: number;
  /** How long a run waits while no worker is alive: 60,000. */
  readonly capacityTimeoutMs: number;
  /** How long training may go on without a finished batch: 300,000. */
  readonly stallTimeoutMs: number;
  /** Work that one lease of batches should hold: 1,000. */
  readonly leaseWorkMs: number;
  /** How soon a worker asks again when all batches are leased: 100. */
  readonly retryBatchesMs: number;
  /** How long a snapshot may take, to its version and to be written: 600,000. */
  readonly snapshotTimeoutMs: number;
  /** Span over which throughput and loss are averaged: 3,000. */
  readonly windowMs: number;
  /** Finished runs that are remembered: 64. */
  readonly finishedRuns: number;
  /** Runs that may wait: 32; beyond it a submission is refused with `no_capacity`. */
  readonly queuedRuns: number;
  /** Evaluations kept of each run, the newest: 512. */
  readonly evaluations: number;
  /** Nodes remembered, dead ones included: 512. */
  readonly maximumMembers: number;
}

export const defaultSettings: CoordinatorSettings = {
  leaseMs: 2000,
  heartbeatMs: 500,
  suspectMs: 400,
  serverHeartbeatMs: 100,
  leaderLeaseMs: 1500,
  replicas: 0,
  balanceMs: 0,
  splitMs: 0,
  splitWorth: 20,
  restMs: 60_000,
  tickMs: 100,
  resendMs: 250,
  maximumResendMs: 2000,
  serverTimeoutMs: 30_000,
  fillStallMs: 30_000,
  fillLimitMs: 180_000,
  startTimeoutMs: 300_000,
  assignTimeoutMs: 30_000,
  finishTimeoutMs: 300_000,
  cleanupTimeoutMs: 10_000,
  gatherTimeoutMs: 600_000,
  capacityTimeoutMs: 60_000,
  stallTimeoutMs: 300_000,
  leaseWorkMs: 1000,
  retryBatchesMs: 100,
  snapshotTimeoutMs: 600_000,
  windowMs: 3000,
  finishedRuns: 64,
  queuedRuns: 32,
  evaluations: 512,
  maximumMembers: 512,
};

const mayBeZero: ReadonlySet<string> = new Set(["replicas", "balanceMs", "splitMs"]);

/** @throws RangeError when a setting is not a positive number, or two of them contradict each other */
export function completeSettings(given: Partial<CoordinatorSettings> = {}): CoordinatorSettings {
  const settings = { ...defaultSettings, ...given };
  for (const [name, value] of Object.entries(settings)) {
    if (mayBeZero.has(name) && value === 0) continue;
    if (!Number.isFinite(value) || value <= 0) throw new RangeError(`${name} must be a positive number, got ${value}`);
  }
  if (settings.leaseMs < 2 * settings.heartbeatMs) {
    const { leaseMs, heartbeatMs } = settings;
    throw new RangeError(
      `leaseMs (${leaseMs}) must be at least twice heartbeatMs (${heartbeatMs}), otherwise one lost heartbeat ends a lease`,
    );
  }
  if (settings.suspectMs < 2 * settings.serverHeartbeatMs) {
    const { suspectMs, serverHeartbeatMs } = settings;
    throw new RangeError(
      `suspectMs (${suspectMs}) must be at least twice serverHeartbeatMs (${serverHeartbeatMs}), ` +
        "otherwise one lost heartbeat moves shards",
    );
  }
  return settings;
}
