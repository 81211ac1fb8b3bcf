/** How many batches one lease holds: long enough to be rare, short enough that a death returns little. */

export interface LeaseSizing {
  readonly totalBatches: number;
  readonly freeBatches: number;
  /** Live workers of the run. */
  readonly workers: number;
  /** Batches the worker finished in a millisecond of computing and waiting; null before its first report. */
  readonly batchesPerMs: number | null;
  /** Time that one lease should last, ms. */
  readonly leaseWorkMs: number;
}

/** Batches of a worker's first lease, when its speed is unknown. */
export const firstLeaseBatches = 4;

/**
 * Work for `leaseWorkMs`, at most a quarter of a fair share of the run, and at most half of a fair share of what is
 * free, so that the last leases shrink and the workers end together. At least 1.
 */
export function leaseSize(sizing: LeaseSizing): number {
  const { totalBatches, freeBatches, workers, batchesPerMs, leaseWorkMs } = sizing;
  const wanted = batchesPerMs === null ? firstLeaseBatches : Math.ceil(batchesPerMs * leaseWorkMs);
  const share = Math.floor(totalBatches / (4 * workers));
  const tail = Math.ceil(freeBatches / (2 * workers));
  return Math.max(1, Math.min(wanted, share, tail));
}

/** Weight of the newest report in the smoothed speed. */
const newestWeight = 0.3;

/** Speed of a worker as an exponential mean over its reports. @param busyMs computing and waiting time of the report */
export function smoothSpeed(previous: number | null, batches: number, busyMs: number): number | null {
  if (batches === 0 || busyMs <= 0) return previous;
  const measured = batches / busyMs;
  return previous === null ? measured : previous + newestWeight * (measured - previous);
}
